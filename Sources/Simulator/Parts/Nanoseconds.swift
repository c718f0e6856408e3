/// Simulated time in nanoseconds since the simulation began, or a span of it.
public typealias Nanoseconds = Int64

extension Nanoseconds {
  static func seconds(_ count: Int64) -> Self { count * 1_000_000_000 }
  static func milliseconds(_ count: Int64) -> Self { count * 1_000_000 }

  /// A duration, rounded down.
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  /// A duration, rounded up: an alarm that rings early would be set again and again.
  init(roundingUp duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = seconds * 1_000_000_000 + (attoseconds + 999_999_999) / 1_000_000_000
  }

  var duration: Duration { .nanoseconds(self) }
}
