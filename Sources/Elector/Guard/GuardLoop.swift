/// What the shell of a guard does next, as a value: what it takes in first when several things have happened,
/// and what it does before it looks again.
///
/// It adds to ``ShellOrder``:
/// 1. Everything that one look has found is dealt with before the next look.
/// 2. Signals come first, then the end of the elector, then the alarm, and what the elector says comes last.
/// 3. What an elector said is not heard when it has ended or has hung up by the time of the look.
/// 4. Nothing follows on ``Guard/Effect/finish(code:)``.
package struct GuardLoop: Sendable {
  package enum Step: Sendable {
    /// Hand this to the guard, and what it says to ``decided(_:)``.
    case handle(Guard.Event)
    /// Carry this out. The result of an installation, a removal or a failed start goes to
    /// ``concluded(_:)``.
    case carryOut(Guard.Effect)
  }

  /// What one look at the signals, the child, the clock and the connection has found.
  package struct Sight: Equatable, Sendable {
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

  private var order = ShellOrder<Guard.Event, Guard.Effect>()
  private var isFinished = false

  /// It begins with ``Guard/Event/woke``.
  package init() { self.order.receive(.woke) }

  /// Takes in what a look has found.
  package mutating func saw(_ sight: Sight) {
    for number in sight.signals { self.order.receive(.signal(number)) }
    if let end = sight.electorEnd { self.order.receive(.electorEnded(end)) }
    if sight.hasRung { self.order.receive(.woke) }
    guard sight.electorEnd == nil else { return }
    switch sight.connection {
    case .absent: break
    case .closed: self.order.receive(.hungUp)
    case .open:
      if let error = sight.nonsense {
        self.order.receive(.spokeNonsense(error))
      } else {
        for request in sight.requests { self.order.receive(.requested(request)) }
      }
    }
  }

  package mutating func decided(_ effects: [Guard.Effect]) { self.order.decided(effects) }

  package mutating func concluded(_ result: Guard.Event) { self.order.concluded(result) }

  /// - Returns: `nil` while a file is waited for; and when it is time for the next look, ``isIdle``.
  package mutating func next() -> Step? {
    while !self.isFinished {
      switch self.order.next() {
      case .handle(let event): return .handle(event)
      case .carryOut(let effect):
        if case .finish = effect { self.isFinished = true }
        return .carryOut(effect)
      case .settled: continue
      case nil: return nil
      }
    }
    return nil
  }

  /// Whether it is time for the next look.
  package var isIdle: Bool { !self.isFinished && self.order.isIdle }

  /// Whether a manifest may take its name, asked immediately before the rename.
  /// - Parameter isConnected: whether the elector that asked has not hung up by now: the guard may have been
  ///   stopped since it read the request.
  package static func mayInstall(
    until end: BootInstant, at now: BootInstant, isConnected: Bool
  ) -> Bool {
    now < end && isConnected
  }
}

extension Guard.Effect: OrderedEffect {
  package var isAwaited: Bool {
    switch self {
    case .install, .remove: true
    case .startElector, .answer, .signalElector, .killElector, .wake, .report, .finish: false
    }
  }
}
