import AsyncHTTPClient
import FoundationEssentials
import HTTPEndpoint
import NIOCore

/// One API server of Kubernetes: its URL and the client's credentials.
public struct APIServer: Sendable {
  /// Without a trailing slash.
  public let url: String
  private let tls: ClientTLS?
  private let tokenFile: String?

  /// - Parameters:
  ///   - url: `https://127.0.0.1:6443`, without a trailing slash.
  ///   - tls: the CA and the client certificate; `nil` for the system's CAs and no client certificate.
  ///   - tokenFile: the file with a bearer token. Each request reads it, since tokens of service accounts
  ///     are replaced while a program runs.
  public init(url: String, tls: ClientTLS? = nil, tokenFile: String? = nil) {
    self.url = url
    self.tls = tls
    self.tokenFile = tokenFile
  }

  /// Sends a request and reads the whole answer, both within `bound`.
  /// - Returns: the body of a successful answer.
  /// - Throws: ``APIServerError`` for any other answer, and for none.
  public func send(
    _ request: APIRequest, within bound: Duration = .seconds(5)
  ) async throws(APIServerError) -> Data {
    let name = "\(request.method) \(self.url)\(request.target)"
    // AsyncHTTPClient's own deadline ends with the answer's head, so a timer races with the body.
    return try await Self.race(name) {
      let response = try await Self.http.execute(
        try self.request(request), deadline: .distantFuture)
      let body = Data(try await response.body.collect(upTo: Self.maximumBytes).readableBytesView)
      guard (200..<300).contains(response.status.code) else {
        throw APIServerError(request: name, status: Int(response.status.code), body: body)
      }
      return body
    } against: {
      try? await Task.sleep(for: bound)
      throw APIServerError.unanswered(request: name, reason: "no answer within \(bound)")
    }
  }

  /// Sends a request and reads its answer line by line until its end.
  /// - Parameters:
  ///   - bound: the longest time that all of it may take.
  ///   - isAlive: whether the server still answers other requests; called once a second.
  ///   - onLine: called for each line, without its end.
  /// - Throws: ``APIServerError`` for a refusal, for no answer, and what `onLine` throws.
  func lines(
    of request: APIRequest, within bound: Duration, while isAlive: @escaping @Sendable () -> Bool,
    _ onLine: @escaping @Sendable (Data) throws(APIServerError) -> Void
  ) async throws(APIServerError) {
    let name = "\(request.method) \(self.url)\(request.target)"
    try await Self.race(name) {
      let response = try await Self.http.execute(try self.request(request), timeout: .seconds(5))
      guard response.status == .ok else {
        let body = try await response.body.collect(upTo: Self.maximumBytes)
        throw APIServerError(
          request: name, status: Int(response.status.code), body: Data(body.readableBytesView))
      }
      var lines = LineBuffer()
      var body = response.body.makeAsyncIterator()
      // The lines before a broken connection count.
      while let bytes = try? await body.next() {
        for line in lines.append(bytes.readableBytesView) { try onLine(line) }
      }
    } against: {
      let end = ContinuousClock.now + bound
      while ContinuousClock.now < end, (try? await Task.sleep(for: .seconds(1))) != nil {
        guard isAlive() else {
          throw APIServerError.unanswered(
            request: name, reason: "the server answers no other request")
        }
      }
    }
  }

  /// Runs an exchange and its timer, and ends both with the first of them.
  private static func race<Value: Sendable>(
    _ name: String, _ exchange: @escaping @Sendable () async throws -> Value,
    against timer: @escaping @Sendable () async throws -> Value
  ) async throws(APIServerError) -> Value {
    let end = await withTaskGroup(of: Result<Value, APIServerError>.self) { group in
      for part in [exchange, timer] {
        group.addTask {
          do {
            return .success(try await part())
          } catch let error as APIServerError {
            return .failure(error)
          } catch {
            return .failure(.unanswered(request: name, reason: "\(error)"))
          }
        }
      }
      defer { group.cancelAll() }
      return await group.next() ?? .failure(.unanswered(request: name, reason: "cancelled"))
    }
    return try end.get()
  }

  /// The process's only client; it is never shut down.
  package static let http: HTTPClient = {
    // No server of Kubernetes redirects; one that does must not make us ask elsewhere.
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(3)))
    configuration.httpVersion = .http1Only
    // Each watch holds a connection; a write must not wait for a free one.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
    // A refused connection fails at once, so that the next server is tried.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.http1_1ConnectionDebugInitializer = { $0.keepAlive() }
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  /// The longest answer: a list of thousands of pods.
  private static let maximumBytes = 256 << 20

  private func request(_ source: APIRequest) throws -> HTTPClientRequest {
    var request = HTTPClientRequest(url: self.url + source.target)
    request.method = .init(rawValue: source.method)
    if self.url.hasPrefix("https:") {
      request.tlsConfiguration = self.tls?.configuration() ?? .makeClientConfiguration()
    }
    request.headers.add(name: "Accept", value: "application/json")
    if let tokenFile {
      let token = try String(contentsOfFile: tokenFile, encoding: .utf8)
      let word = token.split(whereSeparator: \.isWhitespace).first ?? ""
      request.headers.add(name: "Authorization", value: "Bearer \(word)")
    }
    if let body = source.body {
      request.headers.add(
        name: "Content-Type",
        // Conditions are merged by their types: those of other programs stay.
        value: source.method == "PATCH"
          ? "application/strategic-merge-patch+json" : "application/json")
      request.body = .bytes(ByteBuffer(bytes: body))
    }
    return request
  }
}
