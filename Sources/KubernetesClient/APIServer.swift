import AsyncHTTPClient
import FoundationEssentials
import HTTPEndpoint
import NIOCore

/// How to reach one API server of Kubernetes.
public struct APIServer: Sendable {
  /// Without a slash at its end.
  public let url: String
  private let tls: ClientTLS?
  private let tokenFile: String?

  /// - Parameters:
  ///   - tls: who may sign its certificate, and our own; `nil` for whom the system trusts.
  ///   - tokenFile: the file with a bearer token, read for each request; service accounts' are replaced
  ///     now and then.
  public init(url: String, tls: ClientTLS? = nil, tokenFile: String? = nil) {
    self.url = url
    self.tls = tls
    self.tokenFile = tokenFile
  }

  /// Sends a request and reads the whole answer, both within `bound`.
  /// - Returns: the body of an answer that says that it was done.
  /// - Throws: ``APIServerError`` for any other answer, and for none.
  public func send(
    _ request: APIRequest, within bound: Duration = .seconds(5)
  ) async throws(APIServerError) -> Data {
    let name = "\(request.method) \(self.url)\(request.target)"
    // AsyncHTTPClient's own deadline ends with the answer's head, hence the race.
    let answer = await withTaskGroup(of: Result<(status: Int, body: Data), APIServerError>.self) {
      group in
      group.addTask {
        do {
          let response = try await Self.http.execute(
            try self.request(request), deadline: .distantFuture)
          let bytes = try await response.body.collect(upTo: Self.maximumBytes)
          return .success((Int(response.status.code), Data(bytes.readableBytesView)))
        } catch {
          return .failure(.unanswered(request: name, reason: "\(error)"))
        }
      }
      group.addTask {
        try? await Task.sleep(for: bound)
        return .failure(.unanswered(request: name, reason: "no answer within \(bound)"))
      }
      defer { group.cancelAll() }
      return await group.next() ?? .failure(.unanswered(request: name, reason: "cancelled"))
    }
    let (status, body) = try answer.get()
    guard (200..<300).contains(status) else {
      throw APIServerError(request: name, status: status, body: body)
    }
    return body
  }

  /// Sends a request and reads its answer line by line, for as long as there are any.
  /// - Parameters:
  ///   - bound: how long the whole of it may take.
  ///   - isGood: asked once a second whether the server is worth listening to.
  ///   - take: called for each line, without its end.
  /// - Throws: ``APIServerError`` for an answer that says no, when there is none, and what `take` throws.
  package func lines(
    of request: APIRequest, within bound: Duration, while isGood: @escaping @Sendable () -> Bool,
    _ take: @escaping @Sendable (Data) throws(APIServerError) -> Void
  ) async throws(APIServerError) {
    let name = "\(request.method) \(self.url)\(request.target)"
    let end = await withTaskGroup(of: Result<Void, APIServerError>.self) { group in
      group.addTask {
        do {
          let response = try await Self.http.execute(
            try self.request(request), timeout: .seconds(5))
          guard response.status == .ok else {
            let bytes = try await response.body.collect(upTo: Self.maximumBytes)
            return .failure(
              APIServerError(
                request: name, status: Int(response.status.code),
                body: Data(bytes.readableBytesView)))
          }
          var lines = LineBuffer()
          var body = response.body.makeAsyncIterator()
          // One that breaks off has told what it has told.
          while let bytes = try? await body.next() {
            for line in lines.take(bytes.readableBytesView) { try take(line) }
          }
          return .success(())
        } catch let error as APIServerError {
          return .failure(error)
        } catch {
          return .failure(.unanswered(request: name, reason: "\(error)"))
        }
      }
      group.addTask {
        let end = ContinuousClock.now + bound
        while ContinuousClock.now < end, (try? await Task.sleep(for: .seconds(1))) != nil {
          guard isGood() else {
            return .failure(
              .unanswered(request: name, reason: "other requests are not answered"))
          }
        }
        return .success(())
      }
      defer { group.cancelAll() }
      return await group.next() ?? .success(())
    }
    try end.get()
  }

  /// One for the whole process; it is never shut down.
  package static let http: HTTPClient = {
    var configuration = HTTPClient.Configuration(timeout: .init(connect: .seconds(3)))
    configuration.httpVersion = .http1Only
    // Watches hold a connection each and must not keep a write waiting for a free one.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
    // A refused connection is told at once, so that the next server gets its chance.
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  /// A list of thousands of pods.
  private static let maximumBytes = 256 << 20

  private func request(_ wanted: APIRequest) throws -> HTTPClientRequest {
    var request = HTTPClientRequest(url: self.url + wanted.target)
    request.method = .init(rawValue: wanted.method)
    if self.url.hasPrefix("https:") {
      request.tlsConfiguration = self.tls?.configuration() ?? .makeClientConfiguration()
    }
    request.headers.add(name: "Accept", value: "application/json")
    if let tokenFile {
      let token = try String(contentsOfFile: tokenFile, encoding: .utf8)
      let word = token.split(whereSeparator: \.isWhitespace).first ?? ""
      request.headers.add(name: "Authorization", value: "Bearer \(word)")
    }
    if let body = wanted.body {
      request.headers.add(
        name: "Content-Type",
        value: wanted.method == "PATCH" ? "application/merge-patch+json" : "application/json")
      request.body = .bytes(ByteBuffer(bytes: body))
    }
    return request
  }
}

/// Puts the pieces of a stream together to lines.
package struct LineBuffer {
  private var rest = Data()

  /// The lines that are whole now, without their ends; empty ones are left out.
  package mutating func take(_ bytes: some Sequence<UInt8>) -> [Data] {
    self.rest.append(contentsOf: bytes)
    var lines: [Data] = []
    var start = self.rest.startIndex
    while let end = self.rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
      if end > start { lines.append(Data(self.rest[start..<end])) }
      start = self.rest.index(after: end)
    }
    self.rest = Data(self.rest[start...])
    return lines
  }
}
