/// What each role does next: the requests that can come next, the most urgent one first, each with the
/// earliest time for it.
extension Election {
  func steps(at now: Instant) -> [Step] {
    guard self.manifest.wasAbsent, self.store.inFlight == nil, !self.role.isFinished else {
      return []
    }
    switch self.role.leaving {
    case .yielding: return self.yielding(at: now)
    case .stopping(let stop): return self.stopping(stop, at: now)
    case nil: break
    }
    return switch self.role.standing {
    case .candidate(let isKeyAbsent): self.candidate(isKeyAbsent: isKeyAbsent, at: now)
    // The watch brings the rest.
    case .follower: [(.read, self.store.nextReadDue)] + self.pastTerms(at: now)
    case .winner(let lease, let since): self.winner(lease, since: since, at: now)
    case .leader(let lease): self.leader(lease, at: now)
    case .doubtful: [self.read]
    }
  }

  /// Reads the key, or creates it; a creation waits until the manifest is absent and others had their
  /// turn.
  private func candidate(isKeyAbsent: Bool, at now: Instant) -> [Step] {
    guard isKeyAbsent else { return [self.read] }
    guard self.manifest.file == .absent, !self.standBack.isUnlimited else {
      return self.pastTerms(at: now)
    }
    return [(.create, max(self.store.requestDue, self.standBack.due))] + self.pastTerms(at: now)
  }

  /// Renews, and claims the record while the lease is believed.
  private func winner(_ lease: Lease, since: Instant, at now: Instant) -> [Step] {
    [self.renewal(of: lease)]
      + (self.leads(at: now) ? self.ledger.claimSteps(for: lease.term, since: since) : [])
  }

  /// Renews, and keeps the record to the pod's age while the lease is believed.
  private func leader(_ lease: Lease, at now: Instant) -> [Step] {
    let isYoung = !self.manifest.isPlaced || self.podHealth.isYoung
    return [self.renewal(of: lease)]
      + (self.leads(at: now) ? self.ledger.ageSteps(for: lease.term, isYoung: isYoung) : [])
  }

  /// Renews until the manifest is absent and its pod has ended; then the receipt, then the release. A
  /// record that cannot be written does not keep the lock from others.
  private func yielding(at now: Instant) -> [Step] {
    guard let lease, self.role.key != .unknown else { return [self.read] }
    guard self.manifest.file == .absent, !self.awaitsPodEnd(at: now) else {
      return [self.renewal(of: lease)]
    }
    let canRecord = self.ledger.failures < Self.recordPatience
    return [
      self.renewal(of: lease),
      (canRecord ? self.receipt(at: now) : nil) ?? self.release(of: lease),
    ]
  }

  /// The same in the steps of a stop. A process without a lease may still owe a receipt.
  private func stopping(_ stop: Role.Stop, at now: Instant) -> [Step] {
    if self.lease != nil, self.role.key == .unknown { return [self.read] }
    let renewal = self.lease.map { [self.renewal(of: $0)] } ?? []
    switch stop {
    case .removing, .awaitingPod: return renewal
    case .recording: return renewal + (self.receipt(at: now).map { [$0] } ?? [])
    case .releasing:
      return self.manifest.file == .absent ? self.lease.map { [self.release(of: $0)] } ?? [] : []
    case .finished: return []
    }
  }

  // MARK: What roles share

  private var read: Step { (.read, self.store.requestDue) }

  private func renewal(of lease: Lease) -> Step {
    (
      .renew(prevIndex: lease.modifiedIndex),
      max(self.store.requestDue, lease.sentAt + self.timing.renewPeriod)
    )
  }

  private func release(of lease: Lease) -> Step {
    (.release(prevIndex: lease.modifiedIndex), self.store.requestDue)
  }

  /// The receipt of an earlier term of ours, or a look whether one is owed.
  private func pastTerms(at now: Instant) -> [Step] {
    (self.receipt(at: now) ?? self.ledger.readStep()).map { [$0] } ?? []
  }

  /// The receipt, once one is owed and the pod has ended.
  private func receipt(at now: Instant) -> Step? {
    guard self.maySettle, self.manifest.podHasEnded else { return nil }
    return self.ledger.receiptStep()
  }

  /// Whether a term of ours may be marked as ended: the present term, which we give up, or a term that is
  /// over for the store as well. The lease of an earlier process may still be valid, and that process
  /// may still run.
  private var maySettle: Bool {
    if self.lease != nil { return true }
    switch self.role.key {
    case .unknown: return false
    case .absent: return true
    case .held(let holder): return holder.name != self.name
    }
  }

  /// How often in a row the record could not be read or written before the lock goes to another node.
  static let recordPatience = 5

  // MARK: Waiting for a pod's end

  /// Whether the manifest has to wait for the end of an earlier pod of ours. The kubelet would wait, too,
  /// but count the new pod's time from then on.
  func awaitsOwnPod(at now: Instant) -> Bool {
    guard self.timing.manifestExpires, self.manifest.podEnd != .unpromised, self.mayInstall(at: now)
    else { return false }
    switch self.manifest.file {
    case .installing, .installed: return false
    case .unknown, .removing, .absent: return !self.manifest.podHasEnded(byTimeAt: now)
    }
  }

  /// Whether the pod's end is worth waiting for, and is not known yet.
  func awaitsPodEnd(at now: Instant) -> Bool {
    if self.awaitsOwnPod(at: now) { return true }
    let isLeaving =
      switch self.role.leaving {
      case nil: self.lease == nil
      case .yielding, .stopping(.removing), .stopping(.awaitingPod): true
      case .stopping: false
      }
    return isLeaving && self.maySettle && self.manifest.podEnd != .unpromised
      && self.ledger.owesReceipt && !self.manifest.podHasEnded
  }

  /// Whether the pod's end is waited for in vain: nothing shows it.
  private func waitsInVain(at now: Instant) -> Bool {
    self.awaitsPodEnd(at: now) && self.manifest.lacksEvidence
  }

  /// A process that gives the lock away, and cannot show that its pod has ended, does not release it: others
  /// wait for as long as after a crash.
  mutating func leaveWithoutEvidence(at now: Instant) {
    guard case .yielding = self.role.leaving, self.waitsInVain(at: now) else { return }
    self.leaveLease()
  }

  // MARK: Stopping

  /// Moves a stop on as far as the facts allow.
  mutating func moveStop(at now: Instant) {
    while let stop = self.role.stop, let next = self.next(after: stop, at: now) {
      if stop == .awaitingPod, self.waitsInVain(at: now) { self.leaveLease() }
      self.role.stop(next)
    }
  }

  private func next(after stop: Role.Stop, at now: Instant) -> Role.Stop? {
    switch stop {
    case .removing(let until):
      if self.manifest.file == .absent {
        return self.awaitsPodEnd(at: now) ? .awaitingPod : .recording(refusals: 0)
      }
      // With a lease it goes on renewing: the pod runs for as long as its manifest is there.
      guard self.lease == nil, now >= until, self.manifest.file == .unknown,
        let reason = self.manifest.removeFailure
      else { return nil }
      return .finished(.manifestLeft(reason: reason))
    case .awaitingPod:
      if self.waitsInVain(at: now) { return .releasing(refusals: 0) }
      return self.awaitsPodEnd(at: now) ? nil : .recording(refusals: 0)
    case .recording:
      let isDone =
        self.receipt(at: now) == nil && self.store.inFlight?.kind.concernsRecord != true
      return isDone ? .releasing(refusals: 0) : nil
    case .releasing:
      // A request under way may still bring a lease that would then be left behind.
      return self.lease == nil && self.store.inFlight == nil ? .finished(.clean) : nil
    case .finished: return nil
    }
  }
}
