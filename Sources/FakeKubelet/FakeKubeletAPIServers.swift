import KubernetesClient

/// A kubelet's settings for API servers. With them it creates mirror pods for static pods, runs the pods
/// that are bound to its node, posts all pods' status, and registers its node.
public struct FakeKubeletAPIServers: Sendable {
  /// Equivalent servers of one cluster.
  public var servers: [APIServer]
  /// Whether the kubelet creates a Node object and a Lease.
  public var registersNode = true
  /// The period of updates of the Node object's status; more than zero.
  public var nodeStatusUpdateFrequency: Duration = .seconds(10)
  /// Labels of the Node object besides those of every node.
  public var nodeLabels: [String: String] = [:]

  /// Whether no static pod ends before a server has answered once, as under a real kubelet that is restarted
  /// without its server. Its containers of before run on, too.
  public var keepsOrphans = false

  public init(servers: [APIServer]) {
    self.servers = servers
  }
}
