import TestCluster

/// What is done, for a story's reader; the leader is the node that leads the scheduler's election.
extension Fault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .killElector: "the leader's elector is killed (SIGKILL); its guard lives"
    case .pauseElector: "the leader's elector is stopped (SIGSTOP)"
    case .terminateElector: "the leader's guard is told to end (SIGTERM)"
    case .killContainer:
      "the leader's elector and guard are killed (SIGKILL) at one instant, as when their container dies"
    case .resetMachine:
      "all of the leader's processes are killed (SIGKILL), as when a machine is reset"
    case .killStore: "the store is killed, and refuses connections"
    case .pauseStore: "the store is stopped (SIGSTOP): it accepts connections and answers nothing"
    case .delayAnswers: "the store's answers to the leader come after its requests' time-out"
    case .delayOneAnswer: "the store's answer to one renewal of the leader comes after its time-out"
    case .isolateLeader: "nothing passes between the leader and the store"
    case .restartStore: "the store is killed, and started again at once"
    case .restoreStore:
      "the store comes back with its data from before the last change of leader"
    case .killMember(isLeader: true): "the leader of the store's members is killed (SIGKILL)"
    case .killMember(isLeader: false): "a follower of the store's members is killed (SIGKILL)"
    case .setClock(let ahead):
      "the leader's wall clock is set \(Self.words(ahead)) \(ahead < .zero ? "back" : "ahead")"
    case .shareName: "the other node's elector is started under the leader's name"
    case .startTogether: "both electors are started at one instant"
    case .spoilDirectory(.missing): "the leader's manifest directory is removed"
    case .spoilDirectory(.readOnly):
      "the other node's manifest directory is read-only, and the leader is told to end (SIGTERM)"
    case .spoilDirectory(.full):
      "the other node's manifest directory is full, and the leader is told to end (SIGTERM)"
    case .editManifest: "another program writes into the leader's manifest"
    case .deleteManifest: "another program removes the leader's manifest"
    case .killKubelet: "the leader's kubelet dies with its pods, and stays dead"
    case .crashPod: "the leader's pod ends again and again"
    case .changeSource: "the leader's source of the manifest gets another content"
    case .orphanPod(thenStop: false): "the leader's kubelet is killed, and its container lives on"
    case .orphanPod(thenStop: true):
      "the leader's kubelet is killed, its container lives on, and the leader is told to end (SIGTERM)"
    case .keepOrphans:
      "the leader's kubelet is restarted without its API server, and the leader is told to end (SIGTERM)"
    case .spoilDisk(.readOnly):
      "the leader's manifest directory turns read-only, and the leader is told to end (SIGTERM)"
    case .spoilDisk(.hanging):
      "the disk of the leader's manifests hangs, and the leader is told to end (SIGTERM)"
    case .shareDestination: "the other node's elector is started with the leader's --dest-file"
    case .useSourceAsDestination:
      "the other node's elector is started with its --source-file as --dest-file"
    case .spoilConfiguration:
      "the leader's --config gets a bad line and a reload, and then its elector is killed (SIGKILL)"
    case .skewMembers(let ahead):
      "the clock of the leader of the store's members is \(Self.words(ahead)) ahead, and the leading elector "
        + "is stopped (SIGSTOP)"
    case .pauseMachine:
      "all of the leader's processes stand still with their clocks, as a machine that its hypervisor pauses"
    }
  }

  private static func words(_ duration: Duration) -> String {
    "\((duration < .zero ? .zero - duration : duration).inSeconds()) s"
  }
}
