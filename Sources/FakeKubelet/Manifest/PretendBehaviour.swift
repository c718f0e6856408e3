import GoFlags

/// How the containers of a pod behave when they are only pretended: by annotations of the pod.
public struct PretendBehaviour: Equatable, Sendable {
  /// From the order to start until the container runs; `pretend.zweimaster.dev/start-after`.
  public var startAfter: Duration
  /// From SIGTERM until the container has ended; `pretend.zweimaster.dev/stop-after`. Longer than the
  /// pod's grace period, it ends by SIGKILL.
  public var stopAfter: Duration

  /// Behaves as told; without a word, starts and stops at once.
  public init(startAfter: Duration = .zero, stopAfter: Duration = .zero) {
    self.startAfter = startAfter
    self.stopAfter = stopAfter
  }

  static let prefix = "pretend.zweimaster.dev/"

  /// Reads the annotations; whatever cannot be read, or is not known under the prefix, is appended to
  /// `problems`: a misspelt name would otherwise do nothing.
  init(annotations: JSONValue?, problems: inout [FieldProblem]) {
    self.init()
    let settings: [String: WritableKeyPath<Self, Duration>] = [
      "start-after": \.startAfter, "stop-after": \.stopAfter,
    ]
    for (key, value) in (annotations?.members ?? [:]).sorted(by: { $0.key < $1.key })
    where key.hasPrefix(Self.prefix) {
      let field = "metadata.annotations[\(key)]"
      guard let setting = settings[String(key.dropFirst(Self.prefix.count))] else {
        let names = settings.keys.sorted().map { Self.prefix + $0 }
        problems.append(.unsupported(field, key, names))
        continue
      }
      do throws(GoDurationError) {
        let duration = try GoDuration(parsing: value.string ?? "").duration
        if duration < .zero {
          problems.append(.invalid(field, value, "must not be negative"))
        } else {
          self[keyPath: setting] = duration
        }
      } catch {
        problems.append(.invalid(field, value, error.description))
      }
    }
  }
}
