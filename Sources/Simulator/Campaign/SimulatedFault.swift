import SeededRandom

/// A fault in a simulated run, from its begin to its end.
public struct SimulatedFault: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Sendable {
    /// No message passes between a node and the store.
    case cut
    /// The node's messages do not reach the store; the store's messages reach the node.
    case cutRequests = "cut-requests"
    /// The store's messages do not reach the node.
    case cutAnswers = "cut-answers"
    /// Messages between a node and the store are delayed, lost, repeated and reordered.
    case storm
    /// SIGSTOP of an elector, and SIGCONT.
    case stopElector = "stop-elector"
    case stopGuard = "stop-guard"
    case stopStore = "stop-store"
    /// `kill -9` of an elector, which its guard starts again.
    case killElector = "kill-elector"
    /// `kill -9` of an elector just after it has sent its next record of terms.
    case killAtRecord = "kill-at-record"
    /// `kill -9` of a guard; its unit restarts when its elector has ended, too.
    case killGuard = "kill-guard"
    /// `kill -9` of elector and guard at one instant, with `--manifest-deadline` only.
    case killUnit = "kill-unit"
    case killStore = "kill-store"
    /// The store's machine is off: unsynced data is lost, and the wall clock may be slow afterwards.
    case storePower = "store-power"
    /// A node's machine is off.
    case nodePower = "node-power"
    /// A node's machine is paused by its hypervisor, with its clocks.
    case pauseMachine = "pause-machine"
    /// The kubelet and its containers end; the kubelet restarts.
    case restartKubelet = "restart-kubelet"
    /// `kill -9` of a kubelet, whose containers run on; it is started again, and ends those without a manifest.
    case killKubelet = "kill-kubelet"
    /// The kubelet is restarted without its API server: it starts pods, and ends none, until the server is back.
    case keepOrphans = "keep-orphans"
    /// SIGTERM to a node's unit, as for an update.
    case restartUnit = "restart-unit"
    /// An operator lets an elector step down for a while, or until it is resumed.
    case stepDown = "step-down"
    /// The disk of elector and guard is slow.
    case slowFiles = "slow-files"
    /// The manifest cannot be written, or cannot be synced when it is written.
    case refusedFiles = "refused-files"
    /// The disk of elector and guard hangs: what they begin ends with the fault.
    case hungDisk = "hung-disk"
    /// The disk of elector and guard is read-only.
    case readOnlyDisk = "read-only-disk"
    /// The manifest's source cannot be read.
    case lostSource = "lost-source"
    case slowStoreDisk = "slow-store-disk"
    /// Commits fail.
    case fullStoreDisk = "full-store-disk"
    /// Another client writes so much that the lock's events leave the store's history.
    case flood
    /// etcd's leader is cut off, and another one is elected; with v3 only. The old one keeps leases alive until the end.
    case changeLeader = "change-leader"
  }

  public let kind: Kind
  /// Simulated time, in nanoseconds.
  public let begin: Nanoseconds
  public let end: Nanoseconds
  /// The affected node; meaningless for a fault of the store.
  public let node: Int
  /// For the fault's own random numbers.
  let seed: UInt64

  /// Draws the faults of a run.
  /// - Parameters:
  ///   - window: faults begin within it.
  ///   - most: how many there are at most.
  static func plan(
    nodes: Int, window: Nanoseconds, kinds: [Kind], most: Int = 11,
    with chance: inout SeededGenerator
  ) -> [SimulatedFault] {
    guard !kinds.isEmpty else { return [] }
    let faults = (0..<chance.index(below: most + 1)).map { _ in
      let begin = chance.span(0...window)
      let longest = chance.hits(percent: 30) ? Nanoseconds.seconds(60) : .seconds(8)
      return SimulatedFault(
        kind: kinds[chance.index(below: kinds.count)], begin: begin,
        end: min(begin + chance.span(.milliseconds(1)...longest), window + .seconds(20)),
        node: chance.index(below: nodes), seed: chance.next())
    }
    return faults.inOrder
  }
}

extension [SimulatedFault] {
  var inOrder: Self { self.sorted { ($0.begin, $0.seed) < ($1.begin, $1.seed) } }
}
