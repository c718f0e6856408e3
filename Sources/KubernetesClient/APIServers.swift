import FoundationEssentials
import HTTPEndpoint
import KubernetesObjects
import Synchronization

/// Several equivalent API servers of one cluster.
///
/// A request goes to the server that answered last, and to the next one when that server fails. So a
/// request may be carried out twice. After all servers have failed, the next request waits for a random
/// time below a bound that doubles.
public final class APIServers: Sendable {
  /// A change of the connection to the servers.
  public enum News: Equatable, Sendable {
    /// No server answers; the last server's error.
    case lost(APIServerError)
    /// A server answers again.
    case found(url: String)
  }

  private struct State {
    /// The index of the server that gets the next request.
    var preferred = 0
    var backoff: EndpointBackoff
    /// How often each server gave no answer.
    var silences: [Int]
    /// When the next request may start after all servers have failed.
    var notBefore: ContinuousClock.Instant?
  }

  private let servers: [APIServer]
  private let timeout: Duration
  private let state: Mutex<State>
  private let notice: @Sendable (News) -> Void

  /// - Parameters:
  ///   - servers: at least one.
  ///   - timeout: of one attempt, except watches.
  ///   - longestPause: between two attempts to reach any server.
  ///   - notice: called once when no server answers any more, and once when a server answers again.
  public init(
    _ servers: [APIServer], timeout: Duration = .seconds(5), longestPause: Duration = .seconds(5),
    notice: @escaping @Sendable (News) -> Void = { _ in }
  ) {
    precondition(!servers.isEmpty, "no API server")
    self.servers = servers
    self.timeout = timeout
    self.state = Mutex(
      State(
        backoff: EndpointBackoff(first: .milliseconds(200), longest: longestPause),
        silences: Array(repeating: 0, count: servers.count)))
    self.notice = notice
  }

  /// Sends a request.
  /// - Returns: the answer; null for an empty body.
  /// - Throws: ``APIServerError`` when a server refuses or all servers fail.
  @discardableResult
  public func send(_ request: APIRequest) async throws(APIServerError) -> JSONValue {
    try await self.attempt { server, _ throws(APIServerError) in
      let body = try await server.send(request, within: self.timeout)
      guard !body.isEmpty else { return .null }
      return try JSONValue(decoding: body, of: request)
    }
  }

  /// Follows a watch of one server until its end, or until that server fails to answer another request:
  /// an idle connection does not show that the server is gone.
  /// - Parameter onLine: called for each line.
  func watch(
    _ request: APIRequest, within bound: Duration,
    _ onLine: @escaping @Sendable (JSONValue) throws(APIServerError) -> Void
  ) async throws(APIServerError) {
    // The end of a watch says nothing about the server.
    try await self.attempt(isAnswer: false) { server, index throws(APIServerError) in
      let silences = self.state.withLock { $0.silences[index] }
      try await server.lines(
        of: request, within: bound,
        while: { self.state.withLock { $0.silences[index] } == silences }
      ) { line throws(APIServerError) in
        try onLine(try JSONValue(decoding: line, of: request))
      }
    }
  }

  private func attempt<Value: Sendable>(
    isAnswer: Bool = true, _ body: (APIServer, Int) async throws(APIServerError) -> Value
  ) async throws(APIServerError) -> Value {
    if let notBefore = self.state.withLock({ $0.notBefore }), notBefore > .now {
      try? await Task.sleep(until: notBefore, clock: .continuous)
    }
    let first = self.state.withLock { $0.preferred }
    var remaining = self.servers.count
    while true {
      let index = (first + self.servers.count - remaining) % self.servers.count
      remaining -= 1
      do throws(APIServerError) {
        let value = try await body(self.servers[index], index)
        if isAnswer { self.answered(index) }
        return value
      } catch {
        guard error.isServersTrouble else {
          self.answered(index)
          throw error
        }
        if Task.isCancelled { throw error }
        if case .unanswered = error { self.state.withLock { $0.silences[index] += 1 } }
        if remaining == 0 {
          self.allFailed(error)
          throw error
        }
      }
    }
  }

  private func answered(_ index: Int) {
    let wasLost = self.state.withLock { state in
      state.preferred = index
      state.notBefore = nil
      defer { state.backoff.succeeded() }
      return state.backoff.failures > 0
    }
    if wasLost { self.notice(.found(url: self.servers[index].url)) }
  }

  private func allFailed(_ error: APIServerError) {
    let isNew = self.state.withLock { state in
      state.backoff.failed()
      var generator = SystemRandomNumberGenerator()
      state.notBefore = .now + state.backoff.pause(using: &generator)
      return state.backoff.failures == 1
    }
    if isNew { self.notice(.lost(error)) }
  }
}

extension JSONValue {
  /// - Throws: ``APIServerError/unreadable(request:reason:)``.
  init(decoding body: Data, of request: APIRequest) throws(APIServerError) {
    do {
      self = try JSONValue(parsing: Array(body))
    } catch {
      throw .unreadable(
        request: "\(request.method) \(request.target)", reason: "the answer is no JSON")
    }
  }
}
