import FoundationEssentials
import HTTPEndpoint
import KubernetesObjects
import Synchronization

/// Several API servers of one cluster, of which any will do.
///
/// A request goes to the one that answered last, and on to the next when that does not answer, or is in
/// trouble; whatever is asked for here may be asked for twice. When all have failed the next request waits,
/// for a random time below a bound that doubles.
public final class APIServers: Sendable {
  /// What changes between us and the servers.
  public enum News: Equatable, Sendable {
    /// None of them answers; the last one's reason.
    case lost(APIServerError)
    /// One of them answers again.
    case found(url: String)
  }

  private struct State {
    /// The index of the one that the next request goes to.
    package var preferred = 0
    package var backoff: EndpointBackoff
    /// How often each one gave no answer.
    package var silences: [Int]
    /// Before this, none is tried: all of them have just failed.
    package var notBefore: ContinuousClock.Instant?
  }

  private let servers: [APIServer]
  private let timeout: Duration
  private let state: Mutex<State>
  private let notice: @Sendable (News) -> Void

  /// - Parameters:
  ///   - servers: at least one.
  ///   - timeout: of one attempt, but for watches.
  ///   - longestPause: between two attempts to reach any of them.
  ///   - notice: told once when all are lost, and once when one answers again.
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
  /// - Returns: what the server answers; an empty body is null.
  /// - Throws: ``APIServerError`` when a server said no, or all have failed.
  @discardableResult
  public func send(_ request: APIRequest) async throws(APIServerError) -> JSONValue {
    try await self.attempt { server, _ throws(APIServerError) in
      let body = try await server.send(request, within: self.timeout)
      guard !body.isEmpty else { return .null }
      return try JSONValue(decoding: body, of: request)
    }
  }

  /// Follows a watch until its end, by one server, or until that one does not answer another request: a
  /// connection does not tell that nobody is there any more.
  /// - Parameter take: called for each line.
  package func watch(
    _ request: APIRequest, within bound: Duration,
    _ take: @escaping @Sendable (JSONValue) throws(APIServerError) -> Void
  ) async throws(APIServerError) {
    // Its end says nothing about the server.
    try await self.attempt(isAnswer: false) { server, index throws(APIServerError) in
      let silences = self.state.withLock { $0.silences[index] }
      try await server.lines(
        of: request, within: bound,
        while: { self.state.withLock { $0.silences[index] } == silences }
      ) { line throws(APIServerError) in
        try take(try JSONValue(decoding: line, of: request))
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
  package init(decoding body: Data, of request: APIRequest) throws(APIServerError) {
    do {
      self = try JSONValue(parsing: Array(body))
    } catch {
      throw .unreadable(
        request: "\(request.method) \(request.target)", reason: "what it answers is no JSON")
    }
  }
}
