import SeededRandom

/// Something bad that happens once in a simulated run, with its end.
public struct SimulatedFault: Equatable, Sendable, CustomStringConvertible {
  public enum Kind: String, CaseIterable, Sendable {
    /// A node and the store hear nothing of one another.
    case cut
    /// What a node says does not reach the store; what the store says reaches the node.
    case cutRequests = "cut-requests"
    /// The other way round.
    case cutAnswers = "cut-answers"
    /// What a node and the store say is delayed, lost, repeated and put out of order.
    case storm
    /// SIGSTOP of an elector, and SIGCONT.
    case stopElector = "stop-elector"
    case stopGuard = "stop-guard"
    case stopStore = "stop-store"
    /// `kill -9` of an elector, which its guard starts again.
    case killElector = "kill-elector"
    /// The same just after it has sent its next record of terms.
    case killAtRecord = "kill-at-record"
    /// `kill -9` of a guard; its unit is started again when its elector has ended, too.
    case killGuard = "kill-guard"
    /// `kill -9` of elector and guard at one instant, where the kubelet ends the pod by itself.
    case killUnit = "kill-unit"
    case killStore = "kill-store"
    /// The store's machine is off: what was not synced is lost, and its wall clock may come back late.
    case storePower = "store-power"
    /// A master's machine is off.
    case nodePower = "node-power"
    /// The kubelet ends with its containers, and is started again.
    case restartKubelet = "restart-kubelet"
    /// SIGTERM of a master's elector, as for an update.
    case restartUnit = "restart-unit"
    /// An operator lets an elector step down for a while, or until it is resumed.
    case stepDown = "step-down"
    /// An elector's and its guard's files answer late.
    case slowFiles = "slow-files"
    /// The manifest cannot be written, or cannot be synced when it is written.
    case refusedFiles = "refused-files"
    /// The manifest's source cannot be read.
    case lostSource = "lost-source"
    case slowStoreDisk = "slow-store-disk"
    /// Commits fail.
    case fullStoreDisk = "full-store-disk"
    /// Another client writes so much that the store forgets the history of the lock.
    case flood
  }

  public let kind: Kind
  /// Simulated time, in nanoseconds.
  public let begin: Nanoseconds
  public let end: Nanoseconds
  /// The node that it concerns; of no meaning where it is about the store.
  public let node: Int
  /// For what the fault itself leaves to chance.
  let seed: UInt64

  public var description: String {
    "\(self.kind.rawValue) node\(self.node) \(Timeline.time(self.begin)) to \(Timeline.time(self.end))"
  }

  /// Draws the faults of a run.
  /// - Parameter window: within which they begin; each is over by its end plus its own length.
  static func plan(
    nodes: Int, window: Nanoseconds, kinds: [Kind], with chance: inout SeededGenerator
  ) -> [SimulatedFault] {
    guard !kinds.isEmpty else { return [] }
    let faults = (0..<chance.index(below: 12)).map { _ in
      let begin = chance.span(0...window)
      let longest = chance.hits(percent: 30) ? Nanoseconds.seconds(60) : .seconds(8)
      return SimulatedFault(
        kind: kinds[chance.index(below: kinds.count)], begin: begin,
        end: min(begin + chance.span(.milliseconds(1)...longest), window + .seconds(20)),
        node: chance.index(below: nodes), seed: chance.next())
    }
    return faults.sorted { ($0.begin, $0.seed) < ($1.begin, $1.seed) }
  }
}
