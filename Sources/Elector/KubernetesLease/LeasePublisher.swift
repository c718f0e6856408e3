import AsyncHTTPClient
import EtcdClient
import FoundationEssentials
import Logging
import NIOCore
import ServiceLifecycle

/// How to reach Kubernetes' API server.
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

  /// - Returns: the answer's status and body.
  func send(
    _ method: String, _ path: String, _ body: (any Encodable & Sendable)? = nil
  ) async throws(APIServerError) -> (status: UInt, body: Data) {
    var request = HTTPClientRequest(url: self.url + path)
    request.method = .init(rawValue: method)
    if self.url.hasPrefix("https:") {
      request.tlsConfiguration = self.tls?.configuration() ?? .makeClientConfiguration()
    }
    do {
      if let tokenFile {
        let token = try String(contentsOfFile: tokenFile, encoding: .utf8)
        let word = token.split(whereSeparator: \.isWhitespace).first ?? ""
        request.headers.add(name: "Authorization", value: "Bearer \(word)")
      }
      if let body {
        request.headers.add(
          name: "Content-Type",
          value: method == "PATCH" ? "application/merge-patch+json" : "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
      }
      let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
      let bytes = try await response.body.collect(upTo: 16 << 20)
      return (response.status.code, Data(bytes.readableBytesView))
    } catch {
      throw APIServerError(request: "\(method) \(self.url)\(path)", reason: "\(error)")
    }
  }
}

/// Why the API server did not do as asked.
struct APIServerError: Error, Equatable, CustomStringConvertible {
  var request: String
  var reason: String

  var description: String { "\(self.request): \(self.reason)" }
}

/// Shows a lock as a Lease object, with an event for each takeover, for as long as we are the master.
///
/// The election does not depend on it: an API server that is down, or refuses, is told of once.
public struct LeasePublisher: Service {
  private let server: APIServer
  private let name: LeaseName
  private let board: ElectionBoard
  private let logger: Logger

  public init(server: APIServer, name: LeaseName, board: ElectionBoard, logger: Logger) {
    self.server = server
    self.name = name
    self.board = board
    self.logger = logger
  }

  /// Writes once per `--sleep` until it is asked to stop.
  public func run() async throws {
    await cancelWhenGracefulShutdown {
      var known: LeaseObject?
      var isInTrouble = false
      while !Task.isCancelled {
        let status = self.board.look().status
        if status.snapshot.leads, let term = status.snapshot.term {
          do throws(APIServerError) {
            known = try await self.publish(status, term: term, known: known)
            if isInTrouble { self.logger.info("the lock is shown as a Lease again") }
            isInTrouble = false
          } catch {
            known = nil
            if !isInTrouble, !Task.isCancelled {
              self.logger.warning(
                "cannot show the lock as a Lease",
                metadata: ["lease": "\(self.name)", "reason": "\(error)"])
            }
            isInTrouble = true
          }
        } else {
          known = nil
        }
        let pause = status.timing.sleep * .random(in: 0.9...1.1)
        guard (try? await Task.sleep(for: pause)) != nil else { return }
      }
    }
  }

  /// - Parameter known: what we wrote last.
  /// - Returns: what is there now.
  private func publish(
    _ status: ElectionStatus, term: UInt64, known: LeaseObject?
  ) async throws(APIServerError) -> LeaseObject {
    let found: LeaseObject?
    if let known { found = known } else { found = try await self.read() }
    let wanted = LeaseObject(
      self.name, holder: status.name, term: term, ttlSeconds: status.timing.ttlSeconds,
      found: found, now: .now)
    let (method, path) =
      found == nil ? ("POST", self.name.collection) : ("PATCH", self.name.path)
    let answer = try await self.server.send(method, path, wanted)
    guard (200..<300).contains(answer.status) else {
      throw self.error(method, path, answer)
    }
    let written = try self.decoded(answer.body, method, path)
    if wanted.isTakeover(after: found) {
      let event = try await self.server.send(
        "POST", self.name.events, LeaseEvent(written, holder: status.name, now: .now))
      guard (200..<300).contains(event.status) else {
        throw self.error("POST", self.name.events, event)
      }
    }
    return written
  }

  private func read() async throws(APIServerError) -> LeaseObject? {
    let answer = try await self.server.send("GET", self.name.path)
    switch answer.status {
    case 200: return try self.decoded(answer.body, "GET", self.name.path)
    case 404: return nil
    default: throw self.error("GET", self.name.path, answer)
    }
  }

  private func decoded(
    _ body: Data, _ method: String, _ path: String
  ) throws(APIServerError) -> LeaseObject {
    do {
      return try JSONDecoder().decode(LeaseObject.self, from: body)
    } catch {
      throw APIServerError(
        request: "\(method) \(self.server.url)\(path)", reason: "what it answers is no Lease")
    }
  }

  /// Kubernetes says in words why it refuses.
  private func error(
    _ method: String, _ path: String, _ answer: (status: UInt, body: Data)
  ) -> APIServerError {
    struct Status: Decodable { var message: String? }
    let status = try? JSONDecoder().decode(Status.self, from: answer.body)
    return APIServerError(
      request: "\(method) \(self.server.url)\(path)",
      reason: (["\(answer.status)"] + [status?.message].compactMap(\.self)).joined(separator: " "))
  }
}
