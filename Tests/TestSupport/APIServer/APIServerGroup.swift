import EtcdClient
import FakeAPIServer
import Logging
import ServiceLifecycle

/// Runs the body with several fake-apiservers on one store.
///
/// They are shut down gracefully: a server whose task is cancelled drops connections that it has accepted and not
/// started to serve, for which SwiftNIO ends the process.
/// - Parameter body: gets the servers' URLs, after the first namespaces exist.
public func withAPIServers(
  _ count: Int = 1, _ configuration: FakeAPIServerConfiguration = .init(), on client: EtcdClient,
  _ body: @escaping @Sendable ([String]) async throws -> Void
) async throws {
  let (started, announcement) = AsyncStream.makeStream(of: String.self)
  let logger = Logger(label: "apiserver") { _ in SwiftLogNoOpLogHandler() }
  var configuration = configuration
  configuration.port = 0
  let servers = (0..<count).map { _ in
    FakeAPIServer(configuration: configuration, client: client, logger: logger) {
      announcement.yield($0.insecure ?? "")
    }
  }
  let services = ServiceGroup(configuration: .init(services: servers, logger: logger))
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask {
      defer { announcement.finish() }
      try await services.run()
    }
    group.addTask {
      let result: Result<Void, any Error>
      do {
        var urls: [String] = []
        for await url in started {
          urls.append(url)
          if urls.count == count { break }
        }
        // Else the group throws the reason.
        if urls.count == count {
          try await namespaces(at: urls[0])
          try await body(urls)
        }
        result = .success(())
      } catch {
        result = .failure(error)
      }
      await services.triggerGracefulShutdown()
      try result.get()
    }
    try await group.waitForAll()
  }
}

/// Waits for the first namespaces, which the server creates after its start.
private func namespaces(at url: String) async throws {
  try await eventually("the first namespaces") {
    try await APIUser(url).get("/api/v1/namespaces/kube-node-lease") != nil
  }
}
