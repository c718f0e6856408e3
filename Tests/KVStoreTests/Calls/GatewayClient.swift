import Foundation
import TestSupport

/// Sends calls of the v3 API to a gateway, one after another on one connection. Its calls block: it needs a thread of
/// its own.
final class GatewayClient {
  struct Answer: Equatable, CustomStringConvertible {
    var status: Int
    var body: WireJSON

    var revision: Int64 { self.body["header"]?.number64("revision") ?? 0 }
    var description: String { "\(self.status) \(self.body)" }
  }

  let port: Int
  private let connection: RawConnection

  init(port: Int) throws {
    self.port = port
    self.connection = try RawConnection(host: "127.0.0.1", port: port)
  }

  convenience init(url: String) throws {
    try self.init(port: URL(string: url)?.port ?? 0)
  }

  /// - Parameter path: below `/v3`.
  func call(_ path: String, _ body: String) throws -> Answer {
    self.send(path, body)
    return try self.answer()
  }

  /// The answer comes with ``answer()``.
  func send(_ path: String, _ body: String) {
    _ = self.connection.send(Self.request(path, body))
  }

  func answer() throws -> Answer {
    let end = ContinuousClock.now + .seconds(60)
    let head = try self.connection.readHead("POST", until: end)
    var answer: [UInt8] = []
    while let piece = try self.connection.readPiece(until: end) { answer += piece }
    return Answer(status: head.status, body: try WireJSON(answer))
  }

  fileprivate static func request(_ path: String, _ body: String) -> [UInt8] {
    Array(
      ("POST /v3\(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)").utf8)
  }
}

/// A watch by the gateway.
final class GatewayWatch {
  private let connection: RawConnection
  private var bytes: [UInt8] = []

  /// Returns when the watch is there.
  init(port: Int, _ creation: String) throws {
    self.connection = try RawConnection(host: "127.0.0.1", port: port)
    _ = self.connection.send(
      GatewayClient.request("/watch", "{\"create_request\":{\(creation)}}"))
    _ = try self.connection.readHead("POST", until: .now + .seconds(60))
  }

  /// The next results.
  /// - Returns: `nil` at the end.
  func next(until deadline: ContinuousClock.Instant) throws -> [WireJSON]? {
    while true {
      let documents = WireJSON.documents(self.bytes)
      if !documents.isEmpty {
        self.bytes.removeFirst(documents.last?.end ?? 0)
        return documents.compactMap { $0.value["result"] ?? $0.value }
      }
      guard let piece = try self.connection.readPiece(until: deadline) else { return nil }
      self.bytes += piece
    }
  }
}

extension WireJSON {
  /// A number of 64 bits, which the gateway writes as a text; 0 where there is none.
  func number64(_ name: String) -> Int64 {
    self[name].flatMap { $0.integer ?? $0.text.flatMap { Int64($0) } } ?? 0
  }

  /// Bytes, as a text.
  func bytes64(_ name: String) -> String? {
    self[name]?.text.flatMap { Data(base64Encoded: $0) }.map { String(decoding: $0, as: UTF8.self) }
  }
}

/// A text's bytes as they stand in JSON.
func base64(_ text: String) -> String { "\"\(Data(text.utf8).base64EncodedString())\"" }
