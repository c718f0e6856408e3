/// One start of one container of one pod.
public struct ContainerID: Hashable, Sendable, CustomStringConvertible {
  public let pod: PodName
  /// The container's name.
  public let container: String
  /// 0 for the first start within its pod.
  public let attempt: Int
  /// Unique for each start in a run of the kubelet.
  public let serial: UInt64

  public var description: String { "\(self.pod)/\(self.container)#\(self.attempt)" }
}
