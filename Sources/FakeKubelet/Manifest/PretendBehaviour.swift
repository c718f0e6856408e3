import CommandLine
import KubernetesObjects

/// How a container behaves when it is only pretended, as the pod's annotations say.
///
/// An annotation `pretend.zweimaster.dev/stop-after` is meant for every container of the pod, one
/// `pretend.zweimaster.dev/stop-after.NAME` for that container alone. Init containers end at once with
/// 0 unless they are told something else by their name.
public struct PretendBehaviour: Equatable, Sendable {
  /// From the order to start until the container runs; `start-after`.
  public var startAfter: Duration = .zero
  /// From SIGTERM until the container has ended; `stop-after`. Longer than the pod's grace period, it
  /// ends by SIGKILL.
  public var stopAfter: Duration = .zero
  /// How long the container runs until it ends by itself; `exit-after`. `nil` for ever.
  public var exitAfter: Duration?
  /// With what it then ends; `exit-code`.
  public var exitCode: Int32 = 0
  /// How long a preStop hook takes, unless it is a sleep; `pre-stop-after`.
  public var preStopAfter: Duration = .zero

  /// How long the readiness probe fails at first; `ready-after`.
  public var readyAfter: Duration = .zero
  /// The same of the startup probe; `started-after`.
  public var startedAfter: Duration = .zero
  /// How long it has run when the readiness probe fails from then on; `fail-readiness-at`.
  public var failReadinessAt: Duration?
  /// The same of the liveness probe; `fail-liveness-at`.
  public var failLivenessAt: Duration?

  /// Starts and stops at once, and runs for ever in between.
  public init() {}

  /// What a probe of a container finds that has been running for so long.
  func answer(_ kind: Probe.Kind, runningFor: Duration) -> ProbeResult {
    let (begins, ends): (Duration, Duration?) =
      switch kind {
      case .startup: (self.startedAfter, nil)
      case .readiness: (self.readyAfter, self.failReadinessAt)
      case .liveness: (.zero, self.failLivenessAt)
      }
    if runningFor < begins { return .failure("pretended: not before \(GoDuration(begins))") }
    if let ends, runningFor >= ends { return .failure("pretended: from \(GoDuration(ends)) on") }
    return .success
  }

  static let prefix = "pretend.zweimaster.dev/"

  /// What an annotation is called, and how it changes the behaviour; the problem with its value else.
  private static let settings: [String: @Sendable (inout Self, String) -> String?] = [
    "start-after": Self.duration(\.startAfter), "stop-after": Self.duration(\.stopAfter),
    "pre-stop-after": Self.duration(\.preStopAfter), "ready-after": Self.duration(\.readyAfter),
    "started-after": Self.duration(\.startedAfter), "exit-after": Self.duration(\.exitAfter),
    "fail-readiness-at": Self.duration(\.failReadinessAt),
    "fail-liveness-at": Self.duration(\.failLivenessAt),
    "exit-code": { behaviour, text in
      guard let code = Int32(text), (0...255).contains(code) else {
        return "must be between 0 and 255"
      }
      behaviour.exitCode = code
      return nil
    },
  ]

  /// What is wrong with a setting, whose name may end in a container's; `nil` when nothing is.
  static func problem(of name: String, _ text: String) -> String? {
    let setting = String(name.prefix { $0 != "." })
    guard let change = Self.settings[setting] else {
      return
        "there is no such setting; there are \(Self.settings.keys.sorted().joined(separator: ", "))"
    }
    var scratch = Self()
    return change(&scratch, text)
  }

  /// Init containers do not heed these unless they are meant by name: they would never end.
  private static let forMainContainers: Set<String> = ["exit-after", "exit-code"]

  /// Reads the annotations; whatever cannot be read, or is not known under the prefix, is appended to
  /// `problems`: a misspelt name would otherwise do nothing.
  static func ofContainers(
    _ containers: [PodManifest.Container], annotations: JSONValue?,
    problems: inout [FieldProblem]
  ) -> [String: Self] {
    var result: [String: Self] = [:]
    for container in containers {
      result[container.name] = Self()
      if container.role == .initial { result[container.name]?.exitAfter = .zero }
    }
    let ours = (annotations?.members ?? [:]).filter { $0.key.hasPrefix(Self.prefix) }
      .map { (name: String($0.key.dropFirst(Self.prefix.count)), key: $0.key, value: $0.value) }
      // What is meant for one container comes last, and wins. No setting's name has a dot in it.
      .sorted {
        ($0.name.contains(".") ? 1 : 0, $0.name) < ($1.name.contains(".") ? 1 : 0, $1.name)
      }
    for (name, key, value) in ours {
      let field = "metadata.annotations[\(key)]"
      let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      let setting = String(parts.first ?? "")
      guard let change = Self.settings[setting] else {
        let names = Self.settings.keys.sorted().map { Self.prefix + $0 }
        problems.append(.unsupported(field, key, names))
        continue
      }
      let meant = containers.filter { container in
        parts.count == 2
          ? container.name == parts[1]
          : container.role != .initial || !Self.forMainContainers.contains(setting)
      }
      if parts.count == 2, meant.isEmpty {
        problems.append(.unsupported(field, String(parts[1]), containers.map(\.name)))
      }
      for container in meant {
        var behaviour = result[container.name] ?? Self()
        if let problem = change(&behaviour, value.string ?? "") {
          problems.append(.invalid(field, value, problem))
          break
        }
        result[container.name] = behaviour
      }
    }
    for (name, key, value) in ours where name.hasPrefix("exit-code") {
      let idle = result.filter { $0.value.exitAfter == nil && $0.value.exitCode != 0 }.keys.sorted()
      guard let first = idle.first else { break }
      problems.append(
        .invalid(
          "metadata.annotations[\(key)]", value,
          "\(first) never ends by itself: say when, with \(Self.prefix)exit-after"))
      break
    }
    return result
  }

  private static func duration(
    _ path: any WritableKeyPath<Self, Duration> & Sendable
  ) -> @Sendable (inout Self, String) -> String? {
    { behaviour, text in Self.read(text, into: &behaviour[keyPath: path]) }
  }

  private static func duration(
    _ path: any WritableKeyPath<Self, Duration?> & Sendable
  ) -> @Sendable (inout Self, String) -> String? {
    { behaviour, text in
      var duration = Duration.zero
      let problem = Self.read(text, into: &duration)
      if problem == nil { behaviour[keyPath: path] = duration }
      return problem
    }
  }

  private static func read(_ text: String, into result: inout Duration) -> String? {
    do throws(GoDurationError) {
      let duration = try GoDuration(parsing: text).duration
      if duration < .zero { return "must not be negative" }
      result = duration
      return nil
    } catch {
      return error.description
    }
  }
}
