/// What the shell of an elector does next, as a value: which fact it hands to ``Election``, which effect it
/// carries out, and what it waits for meanwhile.
///
/// It adds to ``ShellOrder``:
/// 1. The manifest is installed and removed one after the other; meanwhile nothing else is taken in.
/// 2. The guard hears of each later end of the manifest's stay once, and not of one that an installation
///    carried.
/// 3. Nothing follows on ``Election/Effect/finish(_:)``.
package struct ElectorLoop: Sendable {
  package enum Step: Sendable {
    /// Hand this to the election, and what it says to ``decided(_:manifestEnd:)``.
    case handle(Election.Event)
    /// Carry this out. The result of an installation or a removal goes to ``concluded(_:)``.
    case carryOut(Election.Effect)
    /// Every effect of a fact was carried out. The manifest may stay until then; `nil` changes nothing.
    case settled(extension: Instant?)
  }

  private var order = ShellOrder<Election.Event, Election.Effect>()
  /// As the election had it after the last fact.
  private var manifestEnd: Instant?
  /// Until when the manifest may stay, by what the destination was told last.
  private var announcedEnd: Instant?
  private var isFinished = false

  package init() {}

  package mutating func receive(_ event: Election.Event) { self.order.receive(event) }

  /// - Parameter manifestEnd: ``Election/manifestEnd``.
  package mutating func decided(_ effects: [Election.Effect], manifestEnd: Instant?) {
    self.manifestEnd = manifestEnd
    self.order.decided(effects)
  }

  /// What became of the manifest.
  package mutating func concluded(_ result: Election.Event) { self.order.concluded(result) }

  /// - Returns: `nil` until the next fact or result.
  package mutating func next() -> Step? {
    if self.isFinished { return nil }
    switch self.order.next() {
    case .handle(let event): return .handle(event)
    case .carryOut(let effect):
      switch effect {
      case .installManifest(_, let before): self.announcedEnd = before
      case .finish: self.isFinished = true
      case .removeManifest, .send, .watch, .awaitPodEnd, .observePod, .wake, .report: break
      }
      return .carryOut(effect)
    case .settled:
      guard let end = self.manifestEnd, end != self.announcedEnd else {
        return .settled(extension: nil)
      }
      self.announcedEnd = end
      return .settled(extension: end)
    case nil: return nil
    }
  }
}

extension Election.Effect: OrderedEffect {
  package var isAwaited: Bool {
    switch self {
    case .removeManifest, .installManifest: true
    case .send, .watch, .awaitPodEnd, .observePod, .wake, .report, .finish: false
    }
  }
}

extension Election.Event {
  /// What an installation means to the election.
  package init(_ installation: ElectionInstallation) {
    self =
      switch installation {
      case .installed: .installed
      case .kept(let reason): .kept(reason: reason)
      case .tooLate: .installTooLate
      case .failed(let reason, let isUntouched):
        .installFailed(reason: reason, isUntouched: isUntouched)
      case .lost: .stop
      }
  }
}
