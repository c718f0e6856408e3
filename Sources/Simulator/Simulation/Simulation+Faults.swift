import Elector
import KVStore
import SeededRandom

/// The begin and the end of each fault.
extension Simulation {
  mutating func begin(_ fault: SimulatedFault) {
    let told = self.timeline.story.marks.count
    let isInflicted = self.inflict(fault)
    self.lastTrouble = self.now
    guard isInflicted else { return }
    self.result.faults[fault.kind, default: 0] += 1
    if self.tells { self.timeline.fault(fault, after: told) }
  }

  /// - Returns: `false` if the fault does not apply now.
  private mutating func inflict(_ fault: SimulatedFault) -> Bool {
    let node = fault.node
    let guardian = self.nodes[node].guardian
    if self.isTooMuch(fault) { return false }
    var chance = SeededGenerator(seed: fault.seed)
    switch fault.kind {
    case .cut, .cutRequests, .cutAnswers, .storm, .slowFiles, .refusedFiles, .lostSource:
      self.last(fault)
    case .hungDisk, .readOnlyDisk:
      guard self.isAllWell(node) else { return false }
      self.last(fault)
    case .pauseMachine:
      guard self.isAllWell(node), let elector = self.nodes[node].elector, let guardian
      else { return false }
      self.last(fault)
      self.nodes[node].clock.stand(during: self.now..<fault.end)
      self.nodes[node].timePaused += fault.end - self.now
      self.nodes[node].pausedUntil = fault.end
      self.stop(elector, .elector, until: fault.end) { $0.turn(elector) }
      self.stop(guardian, .guardian, until: fault.end) { $0.turn(guardian) }
      self.agenda.add(
        { $0.pauseIsForgotten(node) }, at: fault.end + self.nodes[node].excuse)
    case .stopElector:
      // Elector and guard of a node cover for each other, so one of them is always well.
      guard let elector = self.nodes[node].elector, self.isWell(guardian) else { return false }
      self.stop(elector, .elector, until: fault.end) { $0.turn(elector) }
    case .stopGuard:
      guard let guardian, self.isWell(self.nodes[node].elector) else { return false }
      self.stop(guardian, .guardian, until: fault.end) { $0.turn(guardian) }
    case .stopStore:
      guard self.store.isUp else { return false }
      self.store.stoppedUntil = max(self.store.stoppedUntil, fault.end)
      self.atStore(fault.end) {
        $0.goesOn(.store(.process), until: $0.store.stoppedUntil)
        $0.turnStore()
      }
      self.begin(.stopped, "stopped", .store(.process))
    case .killElector:
      guard self.nodes[node].elector != nil, self.isWell(guardian) else { return false }
      self.endElector(node, .signal(9))
    case .killGuard:
      guard guardian != nil, self.isWell(self.nodes[node].elector) else { return false }
      self.nodes[node].unitDue = fault.end
      self.endGuard(node, ElectorEnd.signal(9).phrase)
    case .killUnit:
      guard self.mayKillUnit(node) else { return false }
      self.nodes[node].unitDue = fault.end
      self.endElector(node, .signal(9))
      self.endGuard(node, ElectorEnd.signal(9).phrase)
    case .restartUnit:
      guard let guardian else { return false }
      self.nodes[node].unitDue = fault.end
      self.tell(guardian) { sight in
        if !sight.signals.contains(15) { sight.signals.append(15) }
      }
    case .killStore, .storePower:
      guard self.store.isUp else { return false }
      let isPower = fault.kind == .storePower
      self.endStore(
        isDark: isPower, isPower ? "ends with its machine" : ElectorEnd.signal(9).phrase)
      if isPower {
        // A slow wall clock ends no lease early.
        self.store.boot(
          at: fault.end,
          wallSkew: chance.hits(percent: 50) ? -chance.span(0...86_400_000_000_000) : 0)
      }
      self.agenda.add({ $0.startStore() }, at: fault.end)
    case .nodePower: return self.powerOff(node)
    case .restartKubelet:
      guard self.nodes[node].kubelet.answers else { return false }
      // A new kubelet counts a pod's deadline anew, and no guard is there to remove the manifest.
      if self.nodes[node].manifest != nil, self.nodes[node].isUnitGone { return false }
      self.endKubelet(node)
    case .killKubelet, .keepOrphans:
      guard self.nodes[node].kubelet.answers, !self.nodes[node].kubelet.keepsOrphans else {
        return false
      }
      if self.nodes[node].manifest != nil, self.nodes[node].isUnitGone { return false }
      self.killKubelet(node)
      if fault.kind == .keepOrphans {
        let kubelet = self.nodes[node].kubelet
        self.at(self.now + chance.span(0...2_000_000_000), kubelet) {
          if kubelet.isDead { $0.restartKubelet(node, keepsOrphans: $0.now < fault.end) }
        }
      }
    case .stepDown:
      guard let elector = self.nodes[node].elector else { return false }
      let isForGood = chance.hits(percent: 30)
      self.deliver(
        .stepDown(for: isForGood ? nil : (fault.end - self.now).duration), to: elector)
    case .killAtRecord: self.nodes[node].faultEnds[.killAtRecord] = fault.end
    case .slowStoreDisk: self.storeIsSlow = true
    case .fullStoreDisk: self.commitsFail = true
    case .flood:
      guard self.store.isUp, self.store.stoppedUntil <= self.now else { return false }
      self.store.flood(self.draw.api)
      self.turnStore()
    case .changeLeader:
      guard self.draw.api == .v3, self.store.isUp, self.store.stoppedUntil <= self.now else {
        return false
      }
      let longest = min(fault.end - self.now, .seconds(5))
      self.deposeLeader(
        until: fault.end, electionEnd: self.now + chance.span(0...longest),
        isDark: chance.hits(percent: 50), gain: chance.span(-100_000...100_000))
    }
    return true
  }

  /// A leader whose manifest cannot be removed needs its store, its processes and its machine; so does one that
  /// was paused and has to hear of it. Nothing helps where these fail, too. See the guarantees.
  private func isTooMuch(_ fault: SimulatedFault) -> Bool {
    let now = self.now
    func isBad(_ node: SimulatedNode<Core>) -> Bool {
      let end = node.end(of: .hungDisk, .readOnlyDisk, .pauseMachine)
      return end > 0 && end + Nanoseconds(node.timing.ttl) + node.excuse > now
    }
    switch fault.kind {
    case .flood: return false
    case .restartKubelet, .killKubelet, .keepOrphans, .restartUnit, .stepDown:
      return self.nodes[fault.node].pausedUntil > now
    case .stopStore, .killStore, .storePower, .slowStoreDisk, .fullStoreDisk, .changeLeader:
      return self.nodes.contains(where: isBad)
    case .cut, .cutRequests, .cutAnswers, .storm, .stopElector, .stopGuard, .killElector,
      .killAtRecord, .killGuard, .killUnit, .nodePower, .slowFiles, .refusedFiles, .lostSource,
      .hungDisk, .readOnlyDisk, .pauseMachine:
      return isBad(self.nodes[fault.node])
    }
  }

  /// Whether nothing has been wrong for the length of a lease.
  private func isAllWell(_ node: Int) -> Bool {
    let state = self.nodes[node]
    let others = state.end(
      of: .cut, .cutRequests, .cutAnswers, .storm, .slowFiles, .refusedFiles, .lostSource,
      .killAtRecord)
    return self.isWell(state.elector) && self.isWell(state.guardian) && state.kubelet.isUp
      && self.store.isUp && !self.storeIsSlow && !self.commitsFail
      && self.store.stoppedUntil <= self.now && others <= self.now
      && self.lastTrouble + Nanoseconds(state.timing.ttl) <= self.now
  }

  private mutating func last(_ fault: SimulatedFault) {
    let end = self.nodes[fault.node].end(of: fault.kind)
    self.nodes[fault.node].faultEnds[fault.kind] = max(end, fault.end)
  }

  mutating func end(_ fault: SimulatedFault) {
    self.lastTrouble = self.now
    switch fault.kind {
    case .slowStoreDisk: self.storeIsSlow = false
    case .fullStoreDisk: self.commitsFail = false
    case .nodePower: self.powerOn(fault.node)
    case .restartKubelet:
      if self.nodes[fault.node].isOn, !self.nodes[fault.node].kubelet.isUp {
        self.startKubelet(fault.node)
      }
    case .killKubelet, .keepOrphans:
      let kubelet = self.nodes[fault.node].kubelet
      if kubelet.isUp, kubelet.isDead || kubelet.keepsOrphans {
        self.restartKubelet(fault.node, keepsOrphans: false)
      }
    case .stepDown:
      if let elector = self.nodes[fault.node].elector { self.deliver(.resume, to: elector) }
    default: break
    }
  }

  /// Whether a process is neither gone, stopped nor waiting for its disk.
  func isWell(_ process: SimulatedProcess?) -> Bool {
    process.map { max($0.stoppedUntil, $0.waitsUntil) <= self.now } ?? false
  }

  /// Elector and guard may die together only if the kubelet ends the pod by itself, and has counted its
  /// deadline from the first installation on.
  private func mayKillUnit(_ node: Int) -> Bool {
    let state = self.nodes[node]
    guard state.timing.manifestExpires, state.elector != nil, state.guardian != nil,
      state.kubelet.answers, !state.kubelet.keepsOrphans
    else { return false }
    guard let manifest = state.manifest else { return true }
    return state.kubelet.restartedAt <= manifest.since
  }

  /// - Returns: `false` if the machine was off already.
  private mutating func powerOff(_ node: Int) -> Bool {
    guard self.nodes[node].isOn else { return false }
    self.nodes[node].isOn = false
    self.endElector(node, .signal(9))
    self.endGuard(node, "ends with its machine")
    self.endKubelet(node)
    // `elector clean` runs before the kubelet starts.
    self.nodes[node].manifest = nil
    self.nodes[node].manifestGone = self.now
    self.end(.node(node, .manifest))
    self.nodes[node].isUnitScheduled = false
    return true
  }

  private mutating func powerOn(_ node: Int) {
    guard !self.nodes[node].isOn else { return }
    self.nodes[node].isOn = true
    self.nodes[node].boots += 1
    self.nodes[node].clock = NodeClock(bootedAt: self.now, gain: self.nodes[node].gain)
    self.startKubelet(node)
    self.restartUnitIfGone(node)
  }
}
