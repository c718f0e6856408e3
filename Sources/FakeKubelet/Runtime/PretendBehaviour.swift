import CommandLine
import KubernetesObjects

/// The behaviour of a pretended container, from the pod's annotations.
///
/// An annotation `pretend.zweimaster.dev/stop-after` is for every container of the pod, an annotation
/// `pretend.zweimaster.dev/stop-after.NAME` for one container. Init containers exit at once with 0, unless
/// an annotation with their name says otherwise.
public struct PretendBehaviour: Equatable, Sendable {
  /// `start-after`: how long a start takes.
  public var startAfter: Duration = .zero
  /// `stop-after`: the time from SIGTERM to the end. SIGKILL comes first when it is longer than the grace
  /// period.
  public var stopAfter: Duration = .zero
  /// `exit-after`: how long the container runs; `nil` for ever.
  public var exitAfter: Duration?
  /// `exit-code`: the exit code after that time.
  public var exitCode: Int32 = 0
  /// `pre-stop-after`: how long a preStop hook takes, unless it is a sleep.
  public var preStopAfter: Duration = .zero

  /// `ready-after`: how long the readiness probe fails at first.
  public var readyAfter: Duration = .zero
  /// `started-after`: how long the startup probe fails at first.
  public var startedAfter: Duration = .zero
  /// `fail-readiness-at`: after this time the readiness probe fails.
  public var failReadinessAt: Duration?
  /// `fail-liveness-at`: after this time the liveness probe fails.
  public var failLivenessAt: Duration?

  /// Starts and stops at once, and runs until it is stopped.
  public init() {}

  /// The result of a probe at a time after the container's start.
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

  /// The annotations' names, each with a function that sets its value or returns the value's problem.
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

  /// The problem of a setting, whose name may end in a container's name; `nil` for a valid one.
  static func problem(of name: String, _ text: String) -> String? {
    let setting = String(name.prefix { $0 != "." })
    guard let change = Self.settings[setting] else {
      return "unknown setting; known are \(Self.settings.keys.sorted().joined(separator: ", "))"
    }
    var scratch = Self()
    return change(&scratch, text)
  }

  /// Settings that apply to an init container only with its name: else it would never exit.
  private static let forMainContainers: Set<String> = ["exit-after", "exit-code"]

  /// Reads the annotations. Unreadable and unknown ones under the prefix are appended to `problems`, since
  /// a misspelt name would have no effect.
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
      // Settings for one container come last and win. No setting's name contains a dot.
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
      let addressed = containers.filter { container in
        parts.count == 2
          ? container.name == parts[1]
          : container.role != .initial || !Self.forMainContainers.contains(setting)
      }
      if parts.count == 2, addressed.isEmpty {
        problems.append(.unsupported(field, String(parts[1]), containers.map(\.name)))
      }
      for container in addressed {
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
          "\(first) never exits: set the time with \(Self.prefix)exit-after"))
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
