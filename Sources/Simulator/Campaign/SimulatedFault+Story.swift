import Stories

/// How a fault reads and looks in a story.
extension SimulatedFault: CustomStringConvertible {
  public var description: String {
    let name = "node\(self.node)"
    let time = Story.words((self.end - self.begin).seconds)
    return switch self.kind {
    case .cut: "\(name) is cut off from the store for \(time)"
    case .cutRequests: "\(name)'s requests do not reach the store for \(time)"
    case .cutAnswers: "the store's answers do not reach \(name) for \(time)"
    case .storm: "messages between \(name) and the store are late, lost or repeated for \(time)"
    case .stopElector: "\(name)'s elector is stopped for \(time) (SIGSTOP)"
    case .stopGuard: "\(name)'s guard is stopped for \(time) (SIGSTOP)"
    case .stopStore: "the store is stopped for \(time) (SIGSTOP)"
    case .killElector: "\(name)'s elector is killed (SIGKILL)"
    case .killAtRecord:
      "\(name)'s elector is killed (SIGKILL) if it writes a record of terms within \(time)"
    case .killGuard:
      "\(name)'s guard is killed (SIGKILL), and is started again after \(time) at the earliest"
    case .killUnit:
      "\(name)'s elector and guard are killed at once (SIGKILL), and started again after \(time)"
    case .killStore: "the store is killed (SIGKILL), and started again after \(time)"
    case .storePower: "the store's machine has no power for \(time)"
    case .nodePower: "\(name)'s machine has no power for \(time)"
    case .pauseMachine: "\(name)'s machine is paused for \(time), its clocks and its pod with it"
    case .restartKubelet: "\(name)'s kubelet ends with its pods, and starts again after \(time)"
    case .killKubelet:
      "\(name)'s kubelet is killed (SIGKILL), its pods run on, and it starts again after \(time)"
    case .keepOrphans:
      "\(name)'s kubelet is restarted without its API server: for \(time) it ends no pod"
    case .restartUnit:
      "\(name)'s elector and guard are told to end (SIGTERM), and start again after \(time)"
    case .stepDown: "an operator asks \(name) to step down for \(time)"
    case .slowFiles: "the disk of \(name)'s elector and guard is slow for \(time)"
    case .refusedFiles: "\(name)'s disk is full for \(time): the manifest cannot be written"
    case .hungDisk: "the disk of \(name)'s elector and guard hangs for \(time)"
    case .readOnlyDisk: "the disk of \(name)'s elector and guard is read-only for \(time)"
    case .lostSource: "the manifest's source on \(name) cannot be read for \(time)"
    case .slowStoreDisk: "the store's disk is slow for \(time)"
    case .fullStoreDisk: "the store's disk is full for \(time)"
    case .flood:
      "another client writes so much that the lease's events leave the store's history"
    case .changeLeader:
      "etcd's leader is cut off for \(time), another one is elected, and the old one still answers"
    }
  }

  var part: Timeline.Part {
    switch self.kind {
    case .stopStore, .killStore, .storePower, .slowStoreDisk, .fullStoreDisk, .flood, .changeLeader:
      .store(.faults)
    case .cut, .cutRequests, .cutAnswers, .storm, .stopElector, .stopGuard, .killElector,
      .killAtRecord, .killGuard, .killUnit, .nodePower, .pauseMachine, .restartKubelet,
      .killKubelet, .keepOrphans, .restartUnit, .stepDown, .slowFiles, .refusedFiles, .hungDisk,
      .readOnlyDisk, .lostSource:
      .node(self.node, .faults)
    }
  }

  /// How it looks while it lasts; `nil` for a blow, whose consequences show elsewhere.
  var spanKind: Story.Span.Kind? {
    switch self.kind {
    case .cut, .cutRequests, .cutAnswers: .cut
    case .stopElector, .stopGuard, .stopStore, .pauseMachine: .stopped
    case .storePower, .nodePower: .down
    case .storm, .keepOrphans, .slowFiles, .refusedFiles, .hungDisk, .readOnlyDisk, .lostSource,
      .slowStoreDisk, .fullStoreDisk, .changeLeader:
      .fault
    case .killElector, .killAtRecord, .killGuard, .killUnit, .killStore, .restartKubelet,
      .killKubelet, .restartUnit, .stepDown, .flood:
      nil
    }
  }
}
