import ArgumentParser
import CommandLine
import FakeKubelet
import KubernetesClient
import Logging

/// The kubelet's flags for API servers.
struct APIServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Equivalent API servers, separated by commas; may be given several times. (default: none)
      """, valueName: "url,..."))
  var apiServers: [String] = []

  @Option(help: "With --api-servers: whether to register the node, with a Lease.")
  var registerNode: GoBool = true

  @Option(help: "With --api-servers: period of updates of the node's status.")
  var nodeStatusUpdateFrequency = GoDuration(.seconds(10))

  @Option(
    help: ArgumentHelp(
      "With --api-servers: labels of the node besides the usual ones.", valueName: "key=value,...")
  )
  var nodeLabels: String?

  @Option(
    help: """
      With --api-servers: end no static pod, and no container of a former kubelet, before a server has answered \
      once, as a real kubelet that is restarted without its server.
      """)
  var keepOrphans: GoBool = false

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
    if self.keepOrphans.isTrue { throw ValidationError("--keep-orphans needs --api-servers") }
    if let flag = self.access.givenFlag ?? self.nodeLabels.map({ _ in "--node-labels" }) {
      throw ValidationError("\(flag) needs --api-servers")
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

  /// - Returns: `nil` for a standalone kubelet.
  /// - Throws: ``ClientTLSError`` that names the flag and the file, or a `ValidationError`.
  func settings() throws -> FakeKubeletAPIServers? {
    guard !self.apiServers.isEmpty else { return nil }
    var settings = FakeKubeletAPIServers(
      servers: try self.access.servers(self.apiServers, flag: "--api-servers"))
    settings.registersNode = self.registerNode.isTrue
    settings.nodeStatusUpdateFrequency = self.nodeStatusUpdateFrequency.duration
    settings.keepsOrphans = self.keepOrphans.isTrue
    settings.nodeLabels = Self.labels(self.nodeLabels ?? "").values
    return settings
  }

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
