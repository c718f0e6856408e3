import DequeModule

/// An effect of a core, and what it means for the shell's order.
package protocol OrderedEffect: Sendable {
  /// Whether nothing else is carried out or taken in until the result of this effect is there.
  var isAwaited: Bool { get }
  /// Whether nothing follows on it.
  var isLast: Bool { get }
}

/// The order in which a shell takes facts in and carries out effects, as a value.
///
/// What always holds:
/// 1. The effects of a fact are carried out in their order, and before the next fact is taken in.
/// 2. An awaited effect holds up everything behind it until its result is there.
/// 3. Results are taken in before every other fact that waits.
/// 4. Nothing follows on a last effect.
package struct ShellOrder<Fact: Sendable, Effect: OrderedEffect>: Sendable {
  package enum Step: Sendable {
    /// Hand this to the core, and its effects to ``decided(_:)``.
    case handle(Fact)
    case carryOut(Effect)
    /// Every effect of the last fact was carried out.
    case settled
  }

  private var inbox: Deque<Fact> = []
  private var results: Deque<Fact> = []
  private var effects: Deque<Effect> = []
  /// The result of an effect is awaited.
  private var isAwaiting = false
  private var isUnsettled = false
  private var isFinished = false

  package init() {}

  /// A fact has come in; it waits for its turn.
  package mutating func receive(_ fact: Fact) { self.inbox.append(fact) }

  /// The core has decided what follows from the fact in hand.
  package mutating func decided(_ effects: [Effect]) {
    self.effects.append(contentsOf: effects)
    self.isUnsettled = true
  }

  /// The result of an effect, awaited or not.
  package mutating func concluded(_ result: Fact) {
    self.results.append(result)
    self.isAwaiting = false
  }

  /// - Returns: `nil` while there is nothing to do: a result is awaited, no fact waits, or all is over.
  package mutating func next() -> Step? {
    if self.isAwaiting || self.isFinished { return nil }
    if let effect = self.effects.popFirst() {
      self.isAwaiting = effect.isAwaited
      self.isFinished = effect.isLast
      return .carryOut(effect)
    }
    if self.isUnsettled {
      self.isUnsettled = false
      return .settled
    }
    return (self.results.popFirst() ?? self.inbox.popFirst()).map { .handle($0) }
  }

  /// Whether no fact waits and no effect is left.
  package var isIdle: Bool {
    !self.isFinished && !self.isAwaiting && !self.isUnsettled && self.effects.isEmpty
      && self.results.isEmpty && self.inbox.isEmpty
  }
}

/// What the shell of an elector does next. A fact of its inbox waits while the manifest is being installed or
/// removed.
package typealias ElectorLoop = ShellOrder<Election.Event, Election.Effect>

extension Election.Effect: OrderedEffect {
  package var isAwaited: Bool {
    switch self {
    case .removeManifest, .installManifest: true
    case .extendManifest, .send, .watch, .awaitPodEnd, .observePod, .wake, .report, .finish: false
    }
  }

  package var isLast: Bool { if case .finish = self { true } else { false } }
}
