import FaultRelay
import Glibc
import HTTPListening
import NIOCore

/// The page of a running cluster: where it is served, and what happens where it cannot be.
package struct LivePage: Equatable, Sendable {
  package static let flag = "--web-port"
  /// The page's server in a machine room, in the state directory.
  package static let socketName = "page.sock"

  /// A port of 127.0.0.1; 0 for a free one.
  package var port: Int
  /// Whether a port that cannot be served is an error; a page that nobody asked for is left out.
  package var isWanted: Bool

  package init(port: Int, isWanted: Bool) {
    self.port = port
    self.isWanted = isWanted
  }

  private enum End<Result: Sendable>: Sendable {
    case body(Result)
    case noPage(any Error)
    case watch
  }

  /// Runs the body while the page is served; with `nil` for the page, only the body.
  /// - Throws: ``ClusterError`` when the page is wanted and cannot be served, or what the body throws.
  package static func serve<Result: Sendable>(
    _ page: LivePage?, of cluster: Cluster, report: @escaping @Sendable (String) -> Void,
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    guard let page else { return try await body() }
    let watch = await LiveWatch(cluster)
    return try await withThrowingTaskGroup(of: End<Result>.self) { group in
      group.addTask {
        do {
          try await page.listen(watch) { report("the page is \($0)") }
          return .watch
        } catch let error as CancellationError {
          throw error
        } catch {
          // An error of a page that is cancelled is a part of its end.
          try Task.checkCancellation()
          return .noPage(error)
        }
      }
      group.addTask {
        await watch.run()
        return .watch
      }
      group.addTask { .body(try await body()) }
      defer { group.cancelAll() }
      while let end = try await group.next() {
        switch end {
        case .body(let result): return result
        case .watch: break
        case .noPage(let error):
          guard !page.isWanted else { throw page.refusal(error) }
          report(
            "there is no page, since port \(page.port) of 127.0.0.1 cannot be served (\(Self.reason(error))): choose "
              + "another one with \(Self.flag), or switch it off with --no-web")
        }
      }
      throw CancellationError()
    }
  }

  /// Why a wanted page is not served.
  private func refusal(_ error: any Error) -> ClusterError {
    if let error = error as? ClusterError { return error }
    let reason = Self.reason(error)
    switch reason {
    // A listener says no more than the system's message.
    case String(cString: strerror(EADDRINUSE)): return .portInUse(self.port, flag: Self.flag)
    case String(cString: strerror(EACCES)): return .portNotPermitted(self.port, flag: Self.flag)
    default:
      return .control(
        "cannot serve the page on port \(self.port) of 127.0.0.1 (\(reason)): choose another port with "
          + "\(Self.flag), or leave it out")
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as HTTPListenError: error.reason
    case let error as IOError: String(cString: strerror(error.errnoCode))
    default: "\(error)"
    }
  }

  private func listen(
    _ watch: LiveWatch, _ onListening: @escaping @Sendable (String) -> Void
  ) async throws {
    let server = PageServer(watch)
    guard watch.cluster.configuration.room != nil else {
      return try await server.run(
        on: HTTPListener(address: "127.0.0.1", port: self.port), onListening: onListening)
    }
    // Our own network is the room's router: the browser is outside.
    let path = watch.cluster.lock.shortPath(Self.socketName)
    unlink(path)
    defer { unlink(path) }
    let socket: Int32
    switch try await NamespaceNetwork.bindInBox(Cluster.boxName, port: self.port) {
    case .success(let bound): socket = bound
    case .failure(let problem):
      throw HTTPListenError(reason: String(cString: strerror(problem.number)))
    }
    try await Relay.with(boundSocket: socket, to: path) { relay in
      try await server.run(on: HTTPListener(socket: path)) { _ in onListening(relay.endpoint.url) }
    }
  }
}
