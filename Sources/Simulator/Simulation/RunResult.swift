/// What came of a run.
public struct RunResult: Sendable {
  /// What must never be and was; `nil` for a good run.
  public internal(set) var violation: String?
  /// How long the run was, in simulated time.
  public internal(set) var simulated: Nanoseconds = 0
  public internal(set) var steps = 0
  /// Leases won, and pods that began to run.
  public internal(set) var terms = 0
  public internal(set) var pods = 0
  /// Pods that their kubelet ended by itself, `--manifest-deadline`.
  public internal(set) var expiries = 0
  /// How long no pod ran until one ran on another node.
  public internal(set) var takeovers: [Nanoseconds] = []
  public internal(set) var faults: [SimulatedFault.Kind: Int] = [:]
  /// Leases that were not renewed in time.
  public internal(set) var losses = 0
  /// How many requests the store took in each tenth of a second, where it is counted what they cost.
  public internal(set) var load: [Int] = []
}
