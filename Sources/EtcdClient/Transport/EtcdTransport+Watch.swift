import AsyncHTTPClient
import HTTPEndpoint
import NIOCore

extension EtcdTransport {
  /// How many watches are in progress.
  var watchCount: Int { self.choice.withLock { $0.watches.count } }

  /// Sends a request whose answer may never end, and reads it as it comes.
  ///
  /// It reconnects to the next endpoint when other requests find that this one does not answer, and from
  /// time to time anyway. `read` may be called several times, but returns once.
  /// - Parameter headTimeout: the bound of the wait for the answer's head.
  func watch<Value: Sendable>(
    _ call: Call, headTimeout: Duration,
    _ read: @escaping @Sendable (HTTPClientResponse, EtcdEndpoint) async throws -> Value
  ) async throws(EtcdClientError) -> Value {
    var failures = 0
    while true {
      let (stay, handle) = AsyncStream.makeStream(of: Never.self)
      let watch = self.choice.withLock { $0.addWatch(handle) }
      let endpoint = self.endpoints[watch.endpoint]
      let result = await withTaskGroup(of: Result<Value, EtcdClientError>?.self) { group in
        group.addTask { await self.follow(call, endpoint, headTimeout: headTimeout, read) }
        group.addTask {
          for await _ in stay {}
          return nil
        }
        group.addTask {
          // Spread: each watch opens a connection.
          try? await Task.sleep(for: self.watchAge * .random(in: 0.75...1))
          return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
      }
      self.choice.withLock { $0.remove(watch) }
      switch result {
      case .success(let value): return value
      case nil:
        if Task.isCancelled { throw .unanswered(endpoint: endpoint, reason: "cancelled") }
        // Thousands of watches that move at one instant would overload the other endpoint.
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...self.watchCount)))
      case .failure(let error):
        if !error.isFromStore { self.leave(watch.endpoint) }
        failures += 1
        if case .unreachable = error, failures < self.endpoints.count, !Task.isCancelled {
          continue
        }
        throw error
      }
    }
  }

  private func follow<Value: Sendable>(
    _ call: Call, _ endpoint: EtcdEndpoint, headTimeout: Duration,
    _ read: @Sendable (HTTPClientResponse, EtcdEndpoint) async throws -> Value
  ) async -> Result<Value, EtcdClientError> {
    do {
      let response = try await self.http.execute(
        self.request(call, to: endpoint), timeout: TimeAmount(headTimeout))
      return .success(try await read(response, endpoint))
    } catch let error as EtcdClientError {
      return .failure(error)
    } catch {
      return .failure(EtcdClientError(failure: error, endpoint: endpoint, tls: self.tls))
    }
  }
}
