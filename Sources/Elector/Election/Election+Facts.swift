import EtcdClient

/// What the facts change, apart from what follows of them.
extension Election {
  // MARK: The manifest and its pod

  mutating func installationEnded(_ installation: ElectionInstallation, at now: Instant) {
    switch installation {
    case .installed, .kept, .fixed:
      let failure: String? = if case .fixed(let reason) = installation { reason } else { nil }
      if self.manifest.installed(diskFailure: failure), self.podHealth.isProven(at: now) {
        self.standBack.podProved()
      }
    case .tooLate: self.manifest.installedTooLate()
    case .failed(let reason, let isUntouched):
      guard self.manifest.installFailed(isUntouched: isUntouched) else { return }
      self.yield(for: .cannotInstall(reason: reason), at: now)
    case .lost: self.beginStop(at: now)
    }
  }

  mutating func podObserved(_ id: Int, _ observation: PodObservation?, at now: Instant) {
    guard let reason = self.podHealth.observed(id, observation, at: now) else { return }
    self.yield(for: .podFails(reason: reason), at: now)
  }

  mutating func podOverdue(_ id: Int, at now: Instant) {
    guard self.manifest.podAnswered(id, .overdue, at: now), self.role.stop == .awaitingPod
    else { return }
    self.role.stop(.releasing(refusals: 0))
    self.leaveLease()
  }

  /// A process that cannot run the pod must not keep the lock.
  private mutating func yield(for cause: Role.Cause, at now: Instant) {
    guard self.role.contends else { return }
    self.role.yield(for: cause)
    self.standBack.podFailed(at: now)
  }

  // MARK: Operators

  mutating func stepDown(for duration: Duration?, at now: Instant) {
    guard self.role.stop == nil else { return }
    self.role.yield(for: .steppedDown)
    self.standBack.stepDown(for: duration, at: now)
  }

  mutating func giveWay(for duration: Duration, at now: Instant) {
    guard self.role.stop == nil else { return }
    self.role.yield(for: .steppedDown)
    self.standBack.giveWay(for: duration, at: now)
  }

  mutating func beginStop(at now: Instant) {
    guard self.role.stop == nil else { return }
    self.role.stop(.removing(until: now + self.timing.requestTimeout))
  }

  /// Leaves the lease to expire in the store.
  mutating func leaveLease() {
    guard let lease else { return }
    self.leftTerm = lease.term
    if case .yielding = self.role.leaving {
      self.standBack.lockBecameFree(at: lease.sentAt + self.timing.ttl)
    }
    self.role.follow(.unknown)
  }

  // MARK: The store

  /// The lease is older than our clock says, and so is a request under way.
  mutating func stoodStill(_ total: Duration) {
    let lost = total - self.timeStoodStill
    guard lost > .zero else { return }
    self.timeStoodStill = total
    self.store.age(by: lost)
    if var lease {
      lease.sentAt = lease.sentAt + (.zero - lost)
      self.role.age(lease)
    }
  }

  mutating func answered(_ id: Int, _ answer: Answer, at now: Instant) {
    guard let request = self.store.answered(id, answer) else { return }
    if request.kind.concernsRecord {
      self.recordAnswered(answer, to: request, at: now)
      return
    }
    switch answer {
    case .failed: self.lockFailed(at: now)
    case .unanswered:
      // Only a read can tell what became of a write. The lease is kept meanwhile, up to its end.
      if request.kind != .read { self.role.doubt() }
      self.lockFailed(at: now)
    case .found(let holder, let index, _):
      self.store.succeeded()
      self.read(.held(holder), index: index, for: request, at: now)
    case .absent(let index): self.read(.absent, index: index, for: request, at: now)
    case .granted(let term, let modifiedIndex):
      self.store.succeeded()
      self.granted(term: term, modifiedIndex: modifiedIndex, for: request, at: now)
    case .released(let index):
      self.learn(.absent, index: max(index, self.store.index), at: now)
    case .exists, .changed:
      self.role.doubt()
      self.store.refused(at: now)
      if case .release = request.kind { self.releaseRefused() }
    case .recordFound, .recordAbsent, .recordWritten:
      // To a request of the other kind; no store does that.
      self.role.doubt()
    }
  }

  private mutating func lockFailed(at now: Instant) {
    self.store.failed(at: now, keepingLease: self.lease != nil)
    switch self.role.stop {
    case .recording, .releasing:
      self.role.stop(.releasing(refusals: 0))
      self.leaveLease()
    case .removing, .awaitingPod, .finished, nil: break
    }
  }

  private mutating func releaseRefused() {
    guard case .releasing(let refusals) = self.role.stop else { return }
    self.role.stop(.releasing(refusals: refusals + 1))
    if refusals >= 1 { self.leaveLease() }
  }

  /// A read, or a refusal that names the store's index, shows what the key is.
  private mutating func read(
    _ key: Role.Key, index: UInt64, for request: Request, at now: Instant
  ) {
    if index < request.storeIndex {
      // No linearizable store forgets: this is another one, or an older copy of it.
      self.ledger.storeWentBack(wasOurs: self.leaseEnd.map { now < $0 } == true)
      self.lose(at: now)
      self.store.dropWatch()
    } else if index < self.store.index {
      return  // The watch has been faster.
    } else if key != self.role.key {
      // The watch may be deaf, or just slower.
      self.store.dropWatch()
    }
    self.learn(key, index: index, at: now)
  }

  private mutating func granted(
    term: UInt64, modifiedIndex: UInt64, for request: Request, at now: Instant
  ) {
    var holder = Holder(name: self.name, term: term, modifiedIndex: modifiedIndex)
    switch request.kind {
    case .create:
      guard modifiedIndex > self.store.index else {
        // The watch has seen it come and go already.
        self.role.doubt()
        return
      }
      self.role.win(Lease(holder: holder, sentAt: request.sentAt), at: now)
      self.ledger.won(at: now)
      // It was asked for before the lock was to be left to others.
      if !self.standBack.isOver(at: now) { self.role.yield(for: .steppedDown) }
    case .renew:
      // Without a lease it was lost after this renewal, as the watch has shown.
      guard let lease = self.lease, lease.term == term else { return }
      holder.modifiedIndex = max(lease.modifiedIndex, modifiedIndex)
      self.role.hold(Lease(holder: holder, sentAt: request.sentAt))
    case .read, .release, .readRecord, .writeRecord: return
    }
    self.store.wrote(at: modifiedIndex)
  }

  mutating func watched(_ id: Int, _ change: KeyChange, at now: Instant) {
    guard self.store.watchEnded(id) else { return }
    switch change {
    case .written(let holder):
      self.store.watchSaw(holder.modifiedIndex)
      // Most likely the echo of our own creation, whose answer decides.
      if holder.name == self.name, self.store.inFlight?.kind == .create { return }
      if holder.modifiedIndex > self.store.index {
        self.learn(.held(holder), index: holder.modifiedIndex, at: now)
      }
    case .removed(let index):
      self.store.watchSaw(index)
      if index > self.store.index { self.learn(.absent, index: index, at: now) }
    case .historyCleared:
      self.role.doubt()
      self.store.historyCleared(at: now)
    }
  }

  mutating func watchFailed(_ id: Int, at now: Instant) {
    if self.store.watchEnded(id) { self.store.watchFailed(at: now) }
  }

  /// The key is known as it was at an index of the store, which is not older than what is known.
  private mutating func learn(_ key: Role.Key, index: UInt64, at now: Instant) {
    self.store.learned(at: index)
    if case .held(let holder) = key, var lease = self.lease, holder.term == lease.term,
      holder.name == self.name
    {
      lease.holder.modifiedIndex = holder.modifiedIndex
      self.role.hold(lease)
      return
    }
    self.lose(at: now)
    self.role.follow(key)
    if case .held(let holder) = key { self.ledger.saw(term: holder.term) }
  }

  /// The lease, if there is one, is over.
  private mutating func lose(at now: Instant) {
    guard self.lease != nil else { return }
    if case .yielding = self.role.leaving { self.standBack.lockBecameFree(at: now) }
    self.role.follow(.unknown)
  }

  // MARK: The record

  private mutating func recordAnswered(_ answer: Answer, to request: Request, at now: Instant) {
    switch (answer, request.kind) {
    case (.recordFound(let record, let modifiedIndex), _):
      self.ledger.found(record, modifiedIndex: modifiedIndex, at: now)
    case (.recordAbsent, _): self.ledger.foundNothing(at: now)
    case (.recordWritten(let modifiedIndex), .writeRecord(let record, _)):
      self.ledger.wrote(record, modifiedIndex: modifiedIndex)
    case (.failed(let reason), _):
      self.ledger.failed(mayBeApplied: false, at: now)
      self.recordFailed(reason, at: now)
    case (.unanswered(let reason), _):
      self.ledger.failed(mayBeApplied: true, at: now)
      self.recordFailed(reason, at: now)
    default:
      self.ledger.wasChanged(at: now)
      if case .recording(let refusals) = self.role.stop {
        self.role.stop(
          refusals >= 1 ? .releasing(refusals: 0) : .recording(refusals: refusals + 1))
      }
    }
    if self.ledger.tellsOfEarlierProcess { self.manifest.expectPod() }
    if let lease, self.ledger.names(lease.term) { self.role.open() }
  }

  private mutating func recordFailed(_ reason: String, at now: Instant) {
    if case .recording = self.role.stop {
      self.role.stop(.releasing(refusals: 0))
      self.leaveLease()
    }
    if self.role.wonAt != nil, self.ledger.failures >= Self.recordPatience {
      self.yield(for: .cannotInstall(reason: reason), at: now)
    }
  }
}
