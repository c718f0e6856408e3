import ArgumentParser
import CommandLine
import FakeKubelet
import KubernetesClient
import Logging

/// What the kubelet has to do with API servers.
struct APIServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The API servers to work with, with commas in between; may be given several times. Any of them will \
      do. (default: none)
      """, valueName: "url,..."))
  var apiServers: [String] = []

  @Option(help: "With --api-servers: whether to be a node there, with a Lease.")
  var registerNode: GoBool = true

  @Option(help: "With --api-servers: how often the node's status is written.")
  var nodeStatusUpdateFrequency = GoDuration(.seconds(10))

  @Option(
    help: ArgumentHelp(
      "With --api-servers: labels of the node, besides the usual ones.", valueName: "key=value,...")
  )
  var nodeLabels: String?

  @OptionGroup var access: APIServerAccess

  func validate() throws {
    if self.nodeStatusUpdateFrequency.duration <= .zero {
      throw ValidationError("--node-status-update-frequency must be more than zero, such as 10s")
    }
    if let problem = Self.labels(self.nodeLabels ?? "").problem {
      throw ValidationError("--node-labels: \(problem)")
    }
    guard self.apiServers.isEmpty else {
      _ = try APIServerAccess.endpoints(self.apiServers, flag: "--api-servers")
      return
    }
    if !self.access.isEmpty || self.nodeLabels != nil {
      throw ValidationError("--apiserver-… and --node-labels need --api-servers")
    }
  }

  private static func labels(_ text: String) -> (values: [String: String], problem: String?) {
    var labels: [String: String] = [:]
    for pair in text.split(separator: ",") {
      let parts = pair.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else { return ([:], "\"\(pair)\": it must be KEY=VALUE") }
      if let problem = FakeKubeletConfiguration.nodeLabelProblem(parts[0], parts[1]) {
        return ([:], "\"\(pair)\": \(problem)")
      }
      labels[parts[0]] = parts[1]
    }
    return (labels, nil)
  }

  /// What the kubelet is told.
  /// - Returns: `nil` when it is to stand alone.
  /// - Throws: ``ClientTLSError`` that names the flag and the file, or a `ValidationError`.
  func settings() throws -> FakeKubeletAPIServers? {
    guard !self.apiServers.isEmpty else { return nil }
    var settings = FakeKubeletAPIServers(
      servers: try self.access.servers(self.apiServers, flag: "--api-servers"))
    settings.registersNode = self.registerNode.isTrue
    settings.nodeStatusUpdateFrequency = self.nodeStatusUpdateFrequency.duration
    settings.nodeLabels = Self.labels(self.nodeLabels ?? "").values
    return settings
  }

  /// Says whether there are any.
  func log(to logger: Logger) {
    guard !self.apiServers.isEmpty else {
      logger.info("No API server is given: no mirror pods are posted, no node is registered")
      return
    }
    logger.info(
      "Working with API servers",
      metadata: [
        "apiServers": "\(self.apiServers.joined(separator: ","))",
        "registerNode": "\(self.registerNode.isTrue)",
      ])
  }
}
