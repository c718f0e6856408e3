/// The result of a run.
public struct RunResult: Sendable {
  /// The rule that was broken; `nil` for a good run.
  public internal(set) var violation: String?
  /// The length of the run in simulated time.
  public internal(set) var simulated: Nanoseconds = 0
  public internal(set) var steps = 0
  /// Leases won, and pods started.
  public internal(set) var terms = 0
  public internal(set) var pods = 0
  /// Pods that their kubelet ended by itself, `--manifest-deadline`.
  public internal(set) var expiries = 0
  /// The times without a pod before a pod ran on another node.
  public internal(set) var takeovers: [Nanoseconds] = []
  public internal(set) var faults: [SimulatedFault.Kind: Int] = [:]
  /// Leases that were not renewed in time.
  public internal(set) var losses = 0
  /// Requests in each tenth of a second, if requests take time.
  public internal(set) var load: [Int] = []
}
