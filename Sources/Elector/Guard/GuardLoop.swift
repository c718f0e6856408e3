/// What the shell of a guard does next, as a value: what it takes in first when several things have happened,
/// and what it does before it looks again.
///
/// It adds to ``ShellOrder``:
/// 1. Everything that one look has found is dealt with before the next look.
/// 2. Signals come first, then the end of the elector, then the alarm, and what the elector says comes last.
/// 3. What an elector said is not heard when it has ended or has hung up by the time of the look.
package typealias GuardLoop = ShellOrder<Guard.Event, Guard.Effect>

/// What one look at the signals, the child, the clock and the connection has found.
package struct GuardSight: Equatable, Sendable {
  package enum Connection: Equatable, Sendable {
    /// There is none, or it was found closed before.
    case absent
    case open
    /// The elector has closed its end.
    case closed
  }

  /// In the order of their numbers, each once.
  package var signals: [Int32] = []
  package var electorEnd: ElectorEnd?
  package var hasRung = false
  package var connection = Connection.absent
  /// What the elector has said.
  package var requests: [GuardRequest] = []
  /// Something in it makes no sense, so that none of it counts.
  package var nonsense: GuardProtocolError?

  package init() {}
}

extension GuardLoop {
  /// Takes in what a look has found.
  package mutating func saw(_ sight: GuardSight) {
    for number in sight.signals { self.receive(.signal(number)) }
    if let end = sight.electorEnd { self.receive(.electorEnded(end)) }
    if sight.hasRung { self.receive(.woke) }
    guard sight.electorEnd == nil else { return }
    switch sight.connection {
    case .absent: break
    case .closed: self.receive(.hungUp)
    case .open:
      if let error = sight.nonsense {
        self.receive(.spokeNonsense(error))
      } else {
        for request in sight.requests { self.receive(.requested(request)) }
      }
    }
  }

  /// Whether a manifest may take its name, asked immediately before the rename.
  /// - Parameter isConnected: whether the elector that asked has not hung up by now: the guard may have been
  ///   stopped since it read the request.
  package static func mayInstall(
    before end: BootInstant, at now: BootInstant, isConnected: Bool
  ) -> Bool {
    now < end && isConnected
  }
}

extension Guard.Effect: OrderedEffect {
  package var isAwaited: Bool {
    switch self {
    case .install, .remove: true
    case .startElector, .answer, .signalElector, .killElector, .useConfiguration, .wake, .report,
      .finish:
      false
    }
  }

  package var isLast: Bool { if case .finish = self { true } else { false } }
}
