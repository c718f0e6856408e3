/// Annotations of a pod that the API reads: from the time before seccomp and AppArmor had fields.
extension PodValidation {
  private static let seccompPod = "seccomp.security.alpha.kubernetes.io/pod"
  private static let seccompContainer = "container.seccomp.security.alpha.kubernetes.io/"
  private static let appArmor = "container.apparmor.security.beta.kubernetes.io/"
  private static let deletionCost = "controller.kubernetes.io/pod-deletion-cost"
  private static let mirror = "kubernetes.io/config.mirror"

  /// - Parameter annotations: of the pod with this `spec`.
  mutating func check(annotations: ObjectField, of spec: ObjectField) {
    let containers = Self.containers(of: spec).map { $0["name"].text }
    let members = annotations.members
    if let mirror = members.first(where: { $0.key == Self.mirror })?.field,
      spec["nodeName"].text.isEmpty
    {
      self.invalid(mirror, "must set spec.nodeName if mirror pod annotation is set")
    }
    if let cost = members.first(where: { $0.key == Self.deletionCost })?.field,
      cost.text.first == "+" || Int32(cost.text) == nil
    {
      self.invalid(cost, "must be a 32bit integer")
    }
    for (key, value) in members where key == Self.seccompPod || key.hasPrefix(Self.seccompContainer)
    {
      self.check(seccomp: ObjectField(value.value, at: .child(annotations.path, key)))
    }
    for (key, value) in members where key.hasPrefix(Self.appArmor) {
      let container = String(key.dropFirst(Self.appArmor.count))
      if !containers.contains(container) {
        self.invalid(value, "container not found", value: .string(container))
      }
      let profile = value.text
      if !["", "runtime/default", "unconfined"].contains(profile),
        !profile.hasPrefix("localhost/")
      {
        self.invalid(value, "invalid AppArmor profile name: \"\(profile)\"")
      }
    }
  }

  private mutating func check(seccomp profile: ObjectField) {
    let text = profile.text
    guard !["runtime/default", "docker/default", "unconfined"].contains(text) else { return }
    if text.hasPrefix("localhost/") {
      self.check(
        descendingPath: ObjectField(
          .string(String(text.dropFirst("localhost/".count))), at: profile.path))
    } else {
      self.invalid(profile, "must be a valid seccomp profile")
    }
  }

  /// Where a pod has both the annotation and the field, they must say the same.
  mutating func check(profilesOf spec: ObjectField, match annotations: ObjectField) {
    let texts = annotations.value?.members ?? [:]
    if let text = texts[Self.seccompPod]?.string {
      self.check(
        spec["securityContext"]["seccompProfile"], matches: text, kind: "seccomp",
        usual: ["runtime/default", "docker/default"])
    }
    let ofPod = spec["securityContext"]["appArmorProfile"]
    for container in Self.containers(of: spec) {
      let name = container["name"].text
      if let text = texts[Self.seccompContainer + name]?.string {
        self.check(
          container["securityContext"]["seccompProfile"], matches: text, kind: "seccomp",
          usual: ["runtime/default", "docker/default"])
      }
      if let text = texts[Self.appArmor + name]?.string, spec["os"]["name"].text != "windows" {
        let own = container["securityContext"]["appArmorProfile"]
        self.check(
          ObjectField(own.value ?? ofPod.value, at: own.path), matches: text, kind: "apparmor",
          usual: ["runtime/default"])
      }
    }
  }

  private mutating func check(
    _ profile: ObjectField, matches annotation: String, kind: String, usual: [String]
  ) {
    let isSame =
      switch profile["type"].text {
      case "Unconfined": annotation == "unconfined"
      case "RuntimeDefault": usual.contains(annotation)
      case "Localhost": annotation.hasPrefix("localhost/")
      default: true
      }
    if !isSame {
      self.forbidden(profile["type"], "\(kind) type in annotation and field must match")
    } else if profile["type"].text == "Localhost",
      annotation != "localhost/" + profile["localhostProfile"].text
    {
      self.forbidden(
        profile["localhostProfile"], "\(kind) profile in annotation and field must match")
    }
  }

  /// Init containers first, as the API visits them.
  static func containers(of spec: ObjectField) -> [ObjectField] {
    spec["initContainers"].elements + spec["containers"].elements
      + spec["ephemeralContainers"].elements
  }
}
