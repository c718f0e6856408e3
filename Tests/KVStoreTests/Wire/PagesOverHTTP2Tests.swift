import Foundation
import NIOCore
import NIOHTTP2
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// The real curl.
enum Curl {
  static let isInstalled = FileManager.default.isExecutableFile(atPath: "/usr/bin/curl")

  /// Its output, with the heads of answers.
  static func run(_ arguments: [String]) async throws -> String {
    let result = try await Subprocess.run(
      .path("/usr/bin/curl"), arguments: Arguments(["-s", "-S", "-i"] + arguments),
      output: .string(limit: 8 << 20), error: .string(limit: 1 << 16))
    guard result.terminationStatus.isSuccess else {
      throw TestFailure("curl \(arguments): \(result.standardError)")
    }
    return result.standardOutput
  }
}

/// What is served over HTTP/1 is served over HTTP/2, too.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct PagesOverHTTP2Tests {
  /// curl's arguments, and the path. Each is sent to a server of its own by each version.
  private static let requests: [([String], String)] = [
    ([], "/version"), ([], "/health"), (["-I"], "/version"), (["-X", "OPTIONS"], "/v2/keys/a"),
    ([], "/v2/keys/nothing"), (["-X", "PUT", "-d", "value=1"], "/v2/keys/a"),
    (["-X", "PUT", "-d", "value=1", "-H", "Content-Type: x/y"], "/v2/keys/a"),
    (["-X", "POST", "-d", "value=1"], "/v2/keys/queue"), (["-X", "DELETE"], "/v2/keys/a"),
    (["-X", "PUT"], "/v2/keys/a?value=in%20the%20query"), ([], "/v2/members"), ([], "//version"),
    (["-X", "PATCH"], "/v2/keys/a"), ([], "/nowhere"), ([], "/v2/keys/%zz"),
    (["-H", "Origin: http://evil"], "/v2/keys/"),
    (["-H", "Sec-Fetch-Site: cross-site", "-X", "PUT", "-d", "value=1"], "/v2/keys/a"),
    (["-H", "Host: foreign.example"], "/v2/keys/"),
    (["-X", "PUT", "-H", "Expect: 100-continue", "-d", "value=1"], "/v2/keys/a"),
    (["-X", "PUT", "-d", "300000 bytes"], "/v2/keys/a"),
    (["-X", "PUT", "-d", "1100000 bytes"], "/v2/keys/a"),
  ]

  @Test(.enabled(if: Curl.isInstalled, "there is no curl"), arguments: 0..<requests.count)
  func bothVersionsAnswerAlike(number: Int) async throws {
    let (arguments, path) = Self.requests[number]
    var limits = ConnectionLimits()
    limits.requestBytes = 1 << 20
    var answers: [String] = []
    try await TemporaryFiles.with { files in
      let sent = try arguments.map { argument in
        guard let size = argument.wholeMatch(of: /(\d+) bytes/).flatMap({ Int($0.1) }) else {
          return argument
        }
        let file = files.path("value")
        try Data("value=\(String(repeating: "v", count: size))".utf8)
          .write(to: URL(filePath: file))
        return "@" + file
      }
      for version in ["--http1.1", "--http2-prior-knowledge"] {
        try await withEchoServer(limits: limits) { server, _ in
          let answer = try await Curl.run([version] + sent + [server.urls[0] + path])
          answers.append(Self.normalized(answer, server.urls[0]))
        }
      }
    }
    #expect(answers[0] == answers[1])
    #expect(!answers[0].isEmpty)
  }

  /// Without what is another's in each run, and what only one of the versions has.
  private static func normalized(_ answer: String, _ url: String) -> String {
    // The length of a list with the address has that of the port's number in it.
    let length = answer.contains(url) ? ["content-length:"] : []
    let varying =
      length + [
        "date:", "connection:", "transfer-encoding:", "x-etcd-cluster-id:", "http/1.1 100 ",
        "http/2 100 ",
      ]
    let lines = answer.replacing("\r\n", with: "\n").replacing(url, with: "URL")
      .split(separator: "\n", omittingEmptySubsequences: false).map { line in
        let isHeader = line.firstMatch(of: #/^[A-Za-z-]+: /#) != nil
        return isHeader ? line.lowercased() : String(line)
      }
      .filter { line in !varying.contains { line.lowercased().hasPrefix($0) } }
    // `HTTP/2` names no reason. An answer to `Expect` is followed by an empty line.
    return lines.joined(separator: "\n").trimmingCharacters(in: .newlines)
      .replacing(/HTTP\/(1\.1|2) (\d+)[^\n]*/) { "status \($0.output.2)" }
      .replacing(/"(id|leaderInfo|startTime|uptime)":"[^"]*"/, with: "")
  }

  @Test(.enabled(if: Curl.isInstalled && TestAuthority.program != nil, "there is no curl"))
  func curlAgreesOnHTTP2WithTLS() async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("ca")
      let files = try writeFiles(try authority.issue(.server), in: directory)
      let path = directory + "/authority.pem"
      try Data(authority.certificate.utf8).write(to: URL(filePath: path))
      try await withEchoServer(listenURLs: ["https://127.0.0.1:0"], tls: files) { server, _ in
        for (version, answer) in [("--http2", "HTTP/2 200"), ("--http1.1", "HTTP/1.1 200")] {
          let text = try await Curl.run([version, "--cacert", path, server.urls[0] + "/version"])
          #expect(text.hasPrefix(answer))
          #expect(text.contains("etcdserver"))
        }
      }
    }
  }

  private static let get: [String: String?] = [":method": "GET", "content-type": nil, "te": nil]

  @Test func aLongPollIsAnsweredBesideCalls() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let poll = try await client.open("/v2/keys/k?wait=true", Self.get, ends: true)
      let stream = try await client.open(
        "/v2/keys/k?wait=true&stream=true", Self.get, ends: true)
      // The heads come before any event.
      for id in [poll, stream] {
        try await eventually { client.soFar(id).head[":status"] == "200" }
      }
      #expect(try await client.call("/test.Echo/Unary").status == 0)
      let other = TestClient(base: server.urls[0])
      for value in 1...2 { _ = try await other.put("/k", "value=\(value)") }
      let answer = try await client.answer(to: poll)
      #expect(String(buffer: answer.data).contains(#""value":"1""#))
      #expect(answer.isEnded)
      #expect(answer.head["connection"] == nil && answer.head["transfer-encoding"] == nil)
      try await eventually {
        String(buffer: client.soFar(stream).data).contains(#""value":"2""#)
      }
      #expect(server.watcherCount == 1)
      // The client leaves the stream, and its watcher with it.
      try await client.send([.rstStream(.cancel)], on: stream)
      try await eventually { server.watcherCount == 0 }
      await client.close()
    }
  }

  @Test func aStopEndsWatches() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let watch = try await client.open("/v2/keys/k?wait=true", Self.get, ends: true)
      try await eventually { client.soFar(watch).head[":status"] == "200" }
      await server.stop()
      let answer = try await client.answer(to: watch)
      #expect(answer.isEnded && answer.reset == nil)
      try await eventually { client.isClosed }
    }
  }

  /// A client that reads nothing of a large answer holds up neither the server nor other streams.
  @Test func aPageWaitsForItsClient() async throws {
    try await withEchoServer { server, _ in
      let other = TestClient(base: server.urls[0])
      let value = String(repeating: "v", count: 1_000_000)
      _ = try await other.put("/large", "value=\(value)")
      let client = try await WireClient.connect(to: server.urls[0], grants: false)
      let page = try await client.open("/v2/keys/large", Self.get, ends: true)
      try await eventually { client.soFar(page).data.readableBytes == 65_535 }
      let call = try await client.open("/test.Echo/Fail", messages: ["no"], ends: true)
      #expect(try await client.answer(to: call).status == 10)
      for id in [0, page] {
        try await client.send([.windowUpdate(windowSizeIncrement: 2_000_000)], on: id)
      }
      #expect(String(buffer: try await client.answer(to: page).data).contains(value))
      await client.close()
    }
  }

  /// Requests that would be others in HTTP/1.
  @Test(
    arguments: [
      ["x-value": "a\r\nx-other: b"], ["x-value": "a\nb"], ["x-value": "a\0b"],
      ["x y": "a"], ["x:y": "a"], ["X-Upper": "a"], ["x\r\ny": "a"],
      [":path": "/version HTTP/1.1\r\nx: y"], [":path": "/ver sion"], [":path": ""],
      [":method": "GET / HTTP/1.1\r\nx: y\r\n\r\nGET"], [":method": ""],
      ["connection": "close"], ["transfer-encoding": "chunked"], ["upgrade": "h2c"],
      ["keep-alive": "1"], ["te": "gzip"], ["host": "elsewhere"], [":authority": "a\r\nb: c"],
      ["content-length": "5"], [":strange": "a"],
    ] as [[String: String?]])
  func aRequestInDisguiseIsReset(headers: [String: String?]) async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let stream = try await client.open(
        "/version", Self.get.merging(headers) { $1 }, ends: true)
      let answer = try await client.answer(to: stream)
      #expect(answer.reset == .protocolError)
      #expect(answer.headers.isEmpty)
      let next = try await client.open("/version", Self.get, ends: true)
      #expect(try await client.answer(to: next).head[":status"] == "200", "it lives on")
      await client.close()
    }
  }

  /// A body is what the frames say, whatever looks like another request in it.
  @Test func aBodyIsNoSecondRequest() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let form = "application/x-www-form-urlencoded"
      let stream = client.newStream()
      let body = "0\r\n\r\nPUT /v2/keys/smuggled?value=1 HTTP/1.1\r\nhost: localhost\r\n\r\n"
      try await client.send(
        [
          WireClient.headers("/v2/keys/k", [":method": "PUT", "content-type": form, "te": nil]),
          WireClient.data(ByteBuffer(string: "value="), endStream: false),
          WireClient.data(ByteBuffer(string: body), endStream: true),
        ], on: stream)
      #expect(try await client.answer(to: stream).head[":status"] == "201")
      let other = TestClient(base: server.urls[0])
      #expect(try await other.get("/smuggled").status == 404)
      #expect(try await other.get("/k").value == body)
      await client.close()
    }
  }
}
