import Foundation
import InMemoryLogging
import Logging
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// The limit of connections, and the answer beyond it.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ConnectionCountTests {
  private static let request = Array("GET /v2/keys/ HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)

  private static func status(_ connection: RawConnection) throws -> Int {
    let deadline = ContinuousClock.now + .seconds(60)
    let head = try connection.readHead("GET", until: deadline)
    while try connection.readPiece(until: deadline) != nil {}
    return head.status
  }

  /// A connection over which a request was answered: it is one of those that are served.
  private static func served(_ port: Int) throws -> RawConnection? {
    let connection = try RawConnection(host: "127.0.0.1", port: port)
    _ = connection.send(self.request)
    return try self.status(connection) == 200 ? connection : nil
  }

  private func withServer(
    maxConnections: Int, log: InMemoryLogHandler = InMemoryLogHandler(),
    _ body: @escaping @Sendable (Int) throws -> Void
  ) async throws {
    try await withRunningServer(
      maxConnections: maxConnections, logger: Logger(label: "test") { _ in log }
    ) { server in
      let port = try #require(URL(string: server.urls[0])?.port)
      try await onThreadOfItsOwn { try body(port) }
    }
  }

  @Test func whoIsOneTooManyIsToldTheLimitAndLaterLetIn() async throws {
    let log = InMemoryLogHandler()
    try await self.withServer(maxConnections: 2, log: log) { port in
      let first = try #require(try Self.served(port))
      var second = try Self.served(port)
      #expect(second != nil)
      for asks in [true, false, true, true] {
        let third = try RawConnection(host: "127.0.0.1", port: port)
        // A silent client gets the answer after a moment, too.
        if asks { _ = third.send(Self.request) }
        let deadline = ContinuousClock.now + .seconds(60)
        let head = try third.readHead("GET", until: deadline)
        #expect(head.status == 503)
        #expect(head["Connection"] == "close")
        var text: [UInt8] = []
        while let piece = try third.readPiece(until: deadline) { text += piece }
        #expect(
          String(decoding: text, as: UTF8.self)
            == "503 Service Unavailable: 2 connections are open, --max-connections allows no more\n"
        )
        #expect(!third.canGoOn)
      }
      // The others are served all the while, and a place that is free again is given away.
      _ = first.send(Self.request)
      #expect(try Self.status(first) == 200)
      second = nil
      let end = ContinuousClock.now + .seconds(60)
      while second == nil, ContinuousClock.now < end { second = try Self.served(port) }
      #expect(second != nil)
    }
    let lines = log.entries.filter { "\($0.message)".hasPrefix("A connection was refused") }
    #expect(lines.count == 1)
    #expect(lines.first?.metadata["max-connections"] == "2")
  }

  /// Of many refused connections only some stay open for their answer.
  @Test func aFloodIsCutOffAndHarmsNobody() async throws {
    try await self.withServer(maxConnections: 2) { port in
      let first = try #require(try Self.served(port))
      let second = try #require(try Self.served(port))
      let flood = try (0..<400).map { _ in try RawConnection(host: "127.0.0.1", port: port) }
      for connection in [first, second] {
        _ = connection.send(Self.request)
        #expect(try Self.status(connection) == 200)
      }
      // Each of them ends, with an answer or without.
      var told = 0
      for connection in flood {
        do {
          #expect(try Self.status(connection) == 503)
          told += 1
        } catch RawConnection.Failure.gone {}
      }
      #expect(told > 0 && told < flood.count, "\(told)")
      // Clients that do not hang up delay the answers to others only briefly.
      var later: Int?
      let end = ContinuousClock.now + .seconds(60)
      while later == nil, ContinuousClock.now < end {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        _ = connection.send(Self.request)
        later = try? Self.status(connection)
      }
      #expect(later == 503)
      withExtendedLifetime(flood) {}
    }
  }

  /// - Parameters are: wanted, descriptors, served.
  @Test(arguments: [
    (nil, 1_048_576, 16_384), (nil, 1024, 896), (nil, 200, 100), (nil, 2, 1), (nil, 0, 1),
    (100, 1024, 100), (50_000, 1_048_576, 50_000), (5000, 1024, 896),
  ])
  func theLimitOfOpenFilesIsTheUpperBound(wanted: Int?, descriptors: Int, served: Int) {
    let limit = MaxConnections(wanted: wanted, descriptors: descriptors)
    #expect(limit.count == served)
    #expect((limit.warning != nil) == (wanted.map { $0 > served } ?? false))
  }

  @Test func oneLineOfAKindIsWrittenInAPeriod() {
    var throttle = LogThrottle(period: .seconds(10))
    let start = ContinuousClock.now
    #expect(throttle.admit(at: start) == 0)
    #expect(throttle.admit(at: start + .seconds(1)) == nil)
    #expect(throttle.admit(at: start + .seconds(9)) == nil)
    #expect(throttle.admit(at: start + .seconds(10)) == 2)
    #expect(throttle.admit(at: start + .seconds(11)) == nil)
    #expect(throttle.admit(at: start + .seconds(60)) == 1)
  }

  // MARK: The real program

  @Test func theProgramTakesAllTheDescriptorsThatItMay() async throws {
    try await withTemporaryDirectory { directory in
      try await RealProgram.run(
        in: directory, ["--listen-client-urls", "http://127.0.0.1:0", "--max-connections", "900"],
        shell: "ulimit -S -n 200; ulimit -H -n 1000"
      ) { program in
        let page = try await TestClient(base: program.urls[0]).send(.GET, "/metrics").text
        #expect(page.contains("process_max_fds 1000\n"))
        // And bounds the connections by them.
        #expect(
          program.log.contains("--max-connections 900 exceeds the limit of open files (1000): 872"))
      }
    }
  }

  /// No descriptor for a new connection: it waits, and is served when there is one again.
  @Test func theListenerSurvivesALackOfDescriptors() async throws {
    try await withTemporaryDirectory { directory in
      try await RealProgram.run(in: directory, ["--listen-client-urls", "http://127.0.0.1:0"]) {
        program in
        let port = try #require(URL(string: program.urls[0])?.port)
        func limit(_ count: String) async throws {
          _ = try await run(
            .name("prlimit"), arguments: ["--pid", "\(program.process)", "--nofile=\(count):"],
            output: .discarded)
        }
        let first = try await onThreadOfItsOwn { try Held(port) }
        // Fewer than are open already.
        try await limit("4")
        let waiting = try await onThreadOfItsOwn { try Held(port, awaitsAnswer: false) }
        try await eventually("the log does not tell of it: \(program.log)") {
          program.log.contains("A connection could not be accepted, the listener tries again")
        }
        // Open connections are served.
        #expect(try await onThreadOfItsOwn { try first.ask() } == 200)
        try await limit("1024")
        #expect(try await onThreadOfItsOwn { try waiting.answer() } == 200)
        #expect(try await TestClient(base: program.urls[0]).put("/k", "value=1").status == 201)
        // Once per period, not once per try.
        let lines = program.log.split(separator: "\n").filter {
          $0.contains("could not be accepted")
        }
        #expect(lines.count <= 3, "\(lines)")
      }
    }
  }

  /// A connection that goes from thread to thread, one at a time.
  private final class Held: @unchecked Sendable {
    private let connection: RawConnection

    init(_ port: Int, awaitsAnswer: Bool = true) throws {
      self.connection = try RawConnection(host: "127.0.0.1", port: port)
      _ = self.connection.send(ConnectionCountTests.request)
      if awaitsAnswer { _ = try self.answer() }
    }

    func answer() throws -> Int { try ConnectionCountTests.status(self.connection) }

    func ask() throws -> Int {
      _ = self.connection.send(ConnectionCountTests.request)
      return try self.answer()
    }
  }
}
