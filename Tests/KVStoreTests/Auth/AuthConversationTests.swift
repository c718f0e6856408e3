import Foundation
import TestSupport
import Testing

@testable import KVStore

/// Conversations about users and roles that were recorded from a real etcd 3.4.23: every answer has to be
/// the same, to the byte of its body. Their format is described in `Conformance/Cases/README.md`.
///
/// With `ZWEIMASTER_CONFORMANCE_URL` they run against the server there, which must have no users and no other
/// clients; with `ZWEIMASTER_RECORD_AUTH` as well, its answers are recorded as the expected ones.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(10))) struct AuthConversationTests {
  @Test(arguments: AuthConversation.all) func isHadAgain(_ conversation: AuthConversation)
    async throws
  {
    let environment = ProcessInfo.processInfo.environment
    guard let url = environment["ZWEIMASTER_CONFORMANCE_URL"] else {
      try await withServer { client in
        let answers = try await Self.answers(conversation, base: client.base)
        Self.compare(conversation, answers)
      }
      return
    }
    let answers = try await Self.answers(conversation, base: url)
    if environment["ZWEIMASTER_RECORD_AUTH"] != nil {
      try conversation.recorded(with: answers)
        .write(to: conversation.file, atomically: true, encoding: .utf8)
    } else {
      Self.compare(conversation, answers)
    }
  }

  @Test func theRecordingIsThere() {
    #expect(AuthConversation.all.count == 4)
    let exchanges = AuthConversation.all.flatMap(\.exchanges)
    #expect(exchanges.count > 250)
    #expect(exchanges.allSatisfy { !$0.answer.isEmpty })
  }

  private static func answers(
    _ conversation: AuthConversation, base: String
  ) async throws -> [String] {
    try await onThreadOfItsOwn {
      let url = try #require(URL(string: base))
      var connection: RawConnection?
      return try conversation.exchanges.map { exchange in
        let open = try connection ?? RawConnection(host: url.host() ?? "", port: url.port ?? 0)
        #expect(open.send(exchange.request.bytes))
        let deadline = ContinuousClock.now + .seconds(60)
        let head = try open.readHead(exchange.request.method, until: deadline)
        var body: [UInt8] = []
        while let piece = try open.readPiece(until: deadline) { body += piece }
        connection = open.canGoOn ? open : nil
        return AuthConversation.text(of: head, body: body)
      }
    }
  }

  private static func compare(_ conversation: AuthConversation, _ answers: [String]) {
    for (exchange, answer) in zip(conversation.exchanges, answers) {
      #expect(answer == exchange.answer, "\(exchange.request.line)")
    }
  }
}

/// A file of requests, each with the answer that has to come.
struct AuthConversation: Sendable, CustomTestStringConvertible {
  struct Exchange: Sendable {
    let request: Request
    /// As ``AuthConversation/text(of:body:)`` has it.
    let answer: String
  }

  struct Request: Sendable {
    let line: String
    let method: String
    let bytes: [UInt8]

    init(_ line: String) {
      self.line = line
      var rest = line[...]
      var headers = ["Host: localhost"]
      func word() -> String {
        let word = rest.prefix { $0 != " " }
        rest = rest.dropFirst(word.count + 1)
        return String(word)
      }
      while rest.first == "[", let end = rest.firstIndex(of: "]") {
        headers.append("Authorization: " + rest[rest.index(after: rest.startIndex)..<end])
        rest = rest[rest.index(after: end)...].drop { $0 == " " }
      }
      var method = word()
      if method.contains(":") {
        headers.append("Authorization: " + basicAuthorization(method))
        method = word()
      }
      self.method = method
      let path = word()
      let body = String(rest)
      if !["GET", "HEAD", "OPTIONS"].contains(method) {
        headers.append("Content-Type: application/x-www-form-urlencoded")
        headers.append("Content-Length: \(body.utf8.count)")
      }
      let head = "\(method) \(path) HTTP/1.1\r\n" + headers.joined(separator: "\r\n")
      self.bytes = Array((head + "\r\n\r\n" + body).utf8)
    }
  }

  let file: URL
  let comment: String
  let exchanges: [Exchange]

  var testDescription: String { self.file.lastPathComponent }

  static let all: [AuthConversation] = {
    do {
      let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Conformance/Cases/auth")
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".txt") }.sorted()
        .map { try AuthConversation(folder.appending(path: $0)) }
    } catch {
      fatalError("the recorded conversations cannot be read: \(error)")
    }
  }()

  private init(_ file: URL) throws {
    self.file = file
    let blocks = try String(contentsOf: file, encoding: .utf8).split(separator: "\n\n")
    self.comment = blocks.first.map(String.init) ?? ""
    self.exchanges = blocks.dropFirst().map { block in
      let lines = block.split(separator: "\n")
      return Exchange(
        request: Request(String(lines.first ?? "")),
        answer: lines.dropFirst().joined(separator: "\n"))
    }
  }

  /// The file with other answers.
  func recorded(with answers: [String]) -> String {
    let blocks = zip(self.exchanges, answers).map { "\($0.request.line)\n\($1)" }
    return ([self.comment] + blocks).joined(separator: "\n\n") + "\n"
  }

  /// The compared part of an answer, in lines: its status, some headers and its body. The cluster's id and
  /// the indices, which differ between servers, become a star.
  static func text(of head: RawConnection.Head, body: [UInt8]) -> String {
    var text = "  \(head.status)"
    for name in ["Allow", "Content-Type", "WWW-Authenticate", "X-Etcd-Cluster-Id", "X-Etcd-Index"] {
      guard let value = head[name] else { continue }
      let varies = name == "X-Etcd-Cluster-Id" || name == "X-Etcd-Index" && value != "0"
      text += text.contains(": ") ? "; " : " "
      text += "\(name): \(varies ? "*" : value)"
    }
    guard !body.isEmpty else { return text }
    return text + "\n  "
      + String(decoding: body, as: UTF8.self).replacing("\n", with: "\\n")
      .replacing(/"(modifiedIndex|createdIndex|index)":[1-9]\d*/) { "\"\($0.1)\":*" }
      .replacing(/\/\d{20}"/, with: "/*\"")
  }
}
