/// Operating systems, and what Windows has and lacks.
extension PodValidation {
  mutating func check(os spec: ObjectField) {
    let os = spec["os"]
    guard os.isPresent else { return }
    switch os["name"].text {
    case "": self.required(os["name"], "cannot be empty")
    case "linux":
      for context in Self.securityContexts(of: spec) where context["windowsOptions"].isPresent {
        self.forbidden(
          context["windowsOptions"], "windows options cannot be set for a linux pod")
      }
    case "windows": self.checkWindows(spec)
    default:
      self.unsupported(ObjectField(os["name"].value, at: os.path), ["linux", "windows"])
    }
  }

  private static func securityContexts(of spec: ObjectField) -> [ObjectField] {
    [spec["securityContext"]] + Self.containers(of: spec).map { $0["securityContext"] }
  }

  private static let ofPodsOnLinux = [
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy",
    "sysctls", "runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
  ]
  private static let ofContainersOnLinux = [
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities",
    "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount", "runAsUser",
    "runAsGroup",
  ]

  private mutating func checkWindows(_ spec: ObjectField) {
    let words = "cannot be set for a windows pod"
    for name in ["hostUsers", "shareProcessNamespace"] where spec[name].isPresent {
      self.forbidden(spec[name], words)
    }
    for name in ["hostPID", "hostIPC"] where spec[name].isTrue { self.forbidden(spec[name], words) }
    for name in Self.ofPodsOnLinux where spec["securityContext"][name].isPresent {
      self.forbidden(spec["securityContext"][name], words)
    }
    for container in Self.containers(of: spec) {
      for name in Self.ofContainersOnLinux where container["securityContext"][name].isPresent {
        self.forbidden(container["securityContext"][name], words)
      }
    }
  }

  // MARK: Options

  private static let longestCredentials = 64 << 10

  mutating func check(windowsOptions options: ObjectField) {
    if let name = options["gmsaCredentialSpecName"].ifPresent { self.check(name, .subdomain) }
    if let credentials = options["gmsaCredentialSpec"].ifPresent {
      if credentials.text.isEmpty {
        self.invalid(credentials, "gmsaCredentialSpec cannot be an empty string")
      } else if credentials.text.utf8.count > Self.longestCredentials {
        self.invalid(credentials, "gmsaCredentialSpec size must be under 64 KiB", value: "")
      }
    }
    if let name = options["runAsUserName"].ifPresent { self.check(windowsUser: name) }
  }

  private mutating func check(windowsUser name: ObjectField) {
    let parts = name.text.split(separator: "\\", omittingEmptySubsequences: false)
    if name.text.isEmpty {
      return self.invalid(name, "runAsUserName cannot be an empty string")
    }
    if name.text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      return self.invalid(name, "runAsUserName cannot contain control characters")
    }
    if parts.count > 2 {
      return self.invalid(name, "runAsUserName cannot contain more than one backslash")
    }
    let user = parts.last ?? ""
    if parts.count == 2, let domain = parts.first { self.check(windowsDomain: domain, of: name) }
    if user.isEmpty {
      self.invalid(name, "runAsUserName's User cannot be empty")
    } else if user.utf8.count > 104 {
      self.invalid(name, "runAsUserName's User length must not be longer than 104 characters")
    }
    if user.wholeMatch(of: #/[. ]+/#) != nil {
      self.invalid(name, "runAsUserName's User cannot contain only periods or spaces")
    }
    if user.contains(where: { #""/\:;|=,+*?<>@[]"#.contains($0) }) {
      self.invalid(
        name,
        #"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#)
    }
  }

  private mutating func check(windowsDomain domain: Substring, of name: ObjectField) {
    if domain.utf8.count >= 256 {
      self.invalid(name, "runAsUserName's Domain length must be under 256 characters")
    }
    let netBIOS = #/[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}/#
    let dns =
      #/[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*/#
    if domain.wholeMatch(of: netBIOS) == nil, domain.wholeMatch(of: dns) == nil {
      self.invalid(name, "runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    }
  }

  /// Processes of the host run in all containers or in none.
  mutating func checkHostProcesses(of spec: ObjectField) {
    let ofPod = spec["securityContext"]["windowsOptions"]["hostProcess"].value?.boolean
    let containers = Self.containers(of: spec)
    var count = 0
    for container in containers {
      let field = container["securityContext"]["windowsOptions"]["hostProcess"]
      let own = field.value?.boolean
      if let ofPod, let own, own != ofPod {
        self.invalid(
          field, "pod hostProcess value must be identical if both are specified, was \(ofPod)")
      }
      if own ?? ofPod == true { count += 1 }
    }
    guard count > 0 else { return }
    if count != containers.count {
      self.invalid(
        spec,
        "If pod contains any hostProcess containers then all containers must be HostProcess "
          + "containers", value: "")
    }
    if !spec["hostNetwork"].isTrue {
      self.invalid(
        spec["hostNetwork"], "hostNetwork must be true if pod contains any hostProcess containers",
        value: false)
    }
    if !self.rules.allowsPrivileged {
      self.forbidden(spec, "hostProcess containers are disallowed by cluster policy")
    }
  }
}
