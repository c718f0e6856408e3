/// Security contexts of pods and containers.
extension PodValidation {
  mutating func check(securityContextOf spec: ObjectField) {
    let context = spec["securityContext"]
    for name in ["fsGroup", "runAsUser", "runAsGroup"] {
      if let id = context[name].ifPresent { self.check(id, in: Self.ids) }
    }
    for group in context["supplementalGroups"].elements { self.check(group, in: Self.ids) }
    if spec["shareProcessNamespace"].isTrue, spec["hostPID"].isTrue {
      self.invalid(
        ObjectField(true, at: context["shareProcessNamespace"].path),
        "ShareProcessNamespace and HostPID cannot both be enabled")
    }
    self.check(sysctls: context["sysctls"], of: spec)
    self.chooseIfPresent(context["fsGroupChangePolicy"], ["Always", "OnRootMismatch"])
    self.check(seccompProfile: context["seccompProfile"])
    self.check(windowsOptions: context["windowsOptions"])
    self.check(appArmorProfile: context["appArmorProfile"])
    self.chooseIfPresent(context["supplementalGroupsPolicy"], ["Merge", "Strict"])
    self.chooseIfPresent(
      context["seLinuxChangePolicy"],
      self.rules.release >= 33 ? ["MountOption", "Recursive"] : ["Recursive"])
  }

  /// Of users and groups.
  private static let ids: ClosedRange<Int64> = 0...Int64(Int32.max)

  mutating func check(securityContext context: ObjectField, usesHostUsers: Bool) {
    guard context.isPresent else { return }
    if context["privileged"].isTrue, !self.rules.allowsPrivileged {
      self.forbidden(
        context["privileged"], "disallowed by cluster policy; --allow-privileged=true allows it")
    }
    for name in ["runAsUser", "runAsGroup"] {
      if let id = context[name].ifPresent { self.check(id, in: Self.ids) }
    }
    self.chooseIfPresent(context["procMount"], ["Default", "Unmasked"])
    if self.rules.protectsProc, usesHostUsers, context["procMount"].text == "Unmasked" {
      self.invalid(context["procMount"], "`hostUsers` must be false to use `Unmasked`")
    }
    self.check(seccompProfile: context["seccompProfile"])
    if context["allowPrivilegeEscalation"].value == false {
      if context["privileged"].isTrue {
        self.invalid(
          context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
      }
      if context["capabilities"]["add"].elements.contains(where: { $0.text == "CAP_SYS_ADMIN" }) {
        self.invalid(
          context,
          "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")
      }
    }
    self.check(windowsOptions: context["windowsOptions"])
    self.check(appArmorProfile: context["appArmorProfile"])
  }

  mutating func check(hostUsersOf spec: ObjectField) {
    guard spec["hostUsers"].value == false else { return }
    // The API spells two of them in its own way.
    for (name, shown) in [
      ("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"),
    ] where spec[name].isTrue {
      self.forbidden(spec[shown], "when `pod.Spec.HostUsers` is false")
    }
  }

  // MARK: Profiles

  private static let profiles = ["Localhost", "RuntimeDefault", "Unconfined"]

  private mutating func check(seccompProfile profile: ObjectField) {
    guard profile.isPresent else { return }
    if profile["type"].text.isEmpty {
      self.required(profile["type"], "type is required when seccompProfile is set")
    } else {
      self.choose(profile["type"], Self.profiles)
    }
    let path = profile["localhostProfile"]
    if profile["type"].text != "Localhost" {
      if path.isPresent { self.invalid(path, "can only be set when seccomp type is Localhost") }
    } else if path.isPresent {
      self.check(descendingPath: path)
    } else {
      self.required(path, "must be set when seccomp type is Localhost")
    }
  }

  private static let longestProfile = 4095

  private mutating func check(appArmorProfile profile: ObjectField) {
    guard profile.isPresent else { return }
    let name = profile["localhostProfile"]
    switch profile["type"].text {
    case "Localhost":
      if name.text.trimmed(\.isWhitespace) != name.text {
        self.invalid(name, "must not be padded with whitespace")
      } else if name.text.isEmpty {
        self.required(name, "must be set when AppArmor type is Localhost")
      }
      if name.text.utf8.count > Self.longestProfile { self.tooLong(name, Self.longestProfile) }
    case "RuntimeDefault", "Unconfined":
      if name.isPresent { self.invalid(name, "can only be set when AppArmor type is Localhost") }
    case "": self.required(profile["type"], "type is required when appArmorProfile is set")
    default: self.unsupported(profile["type"], Self.profiles)
    }
  }

  // MARK: Sysctls

  private mutating func check(sysctls: ObjectField, of spec: ObjectField) {
    let form = #/([a-z0-9]([-_a-z0-9]*[a-z0-9])?[.\/])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?/#
    var names: Set<String> = []
    for sysctl in sysctls.elements {
      let name = sysctl["name"]
      if name.text.isEmpty {
        self.required(name)
      } else if name.text.utf8.count > 253 || name.text.wholeMatch(of: form) == nil {
        self.invalid(
          name, "must have at most 253 characters and be segments of a-z, 0-9, - and _ with . or /")
      } else if names.contains(name.text) {
        self.duplicate(name)
      }
      names.insert(name.text)
      guard self.rules.checksHostSysctls else { continue }
      let dotted = name.text.replacing("/", with: ".")
      if spec["hostNetwork"].isTrue, dotted.hasPrefix("net.") {
        self.invalid(name, "may not be specified when 'hostNetwork' is true")
      } else if spec["hostIPC"].isTrue, Self.isOfIPC(dotted) {
        self.invalid(name, "may not be specified when 'hostIPC' is true")
      }
    }
  }

  private static func isOfIPC(_ sysctl: String) -> Bool {
    sysctl == "kernel.sem"
      || ["kernel.shm", "kernel.msg", "fs.mqueue."].contains {
        sysctl.hasPrefix($0)
      }
  }
}
