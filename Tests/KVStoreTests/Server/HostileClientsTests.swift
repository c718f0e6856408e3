import Foundation
import Glibc
import TestSupport
import Testing

@testable import KVStore

/// Clients that read nothing, send on for ever or vanish cost a running `kvstore` neither memory nor watchers.
///
/// `ZWEIMASTER_HOSTILE_CLIENTS` is how many of each kind come at a time. Those that vanish come ten times.
@Suite(.serialized, .takesTurns, .timeLimit(.minutes(20))) struct HostileClientsTests {
  private static let count =
    ProcessInfo.processInfo.environment["ZWEIMASTER_HOSTILE_CLIENTS"].flatMap { Int($0) } ?? 20

  /// What a client does before it is gone.
  enum Kind: String, CaseIterable, Sendable {
    case asksAndReadsNothing
    case sendsOnAfterItsLastRequest
    case vanishesBeforeARequest
    case vanishesInAHead
    case vanishesInABody
    case vanishesInAWatch
    case vanishesInAStream
    case vanishesInAnAnswer

    /// The size of the value that a client asks for. After its last request a connection lives as long as
    /// the kernel does not take the whole answer.
    var megabytes: Int { self == .sendsOnAfterItsLastRequest ? 8 : 1 }

    func visits(of count: Int) -> (visits: Int, clients: Int) {
      switch self {
      case .asksAndReadsNothing: (1, count)
      case .sendsOnAfterItsLastRequest: (1, max(1, count / 10))
      default: (10, count)
      }
    }
  }

  @Test(arguments: Kind.allCases) func leavesNothingBehind(_ kind: Kind) async throws {
    let count = Self.count
    try await withTemporaryDirectory { directory in
      try await RealProgram.run(in: directory, ["--listen-client-urls", "http://127.0.0.1:0"]) {
        program in
        let port = try #require(URL(string: program.urls[0])?.port)
        let server = Target(port: port, process: program.process)
        try await onThreadOfItsOwn {
          let value = String(repeating: "x", count: kind.megabytes * 1_000_000)
          try server.put("/big", value: value)
          let descriptors = try server.metric("process_open_fds")
          // The first clients make the server's buffers and caches.
          let (visits, clients) = kind.visits(of: count)
          try server.visit(kind, by: min(20, clients))
          try server.awaitCalm(descriptors: descriptors)
          let before = try server.residentMegabytes()
          for _ in 0..<visits { try server.visit(kind, by: clients) }
          try server.awaitCalm(descriptors: descriptors)
          // What is free need not go back to the kernel at once.
          try server.await("\(kind.rawValue): the memory of before, \(before) MB") {
            let now = try server.residentMegabytes()
            return (now <= before + 50, "\(now) MB")
          }
          try server.put("/after", value: "1")
        }
      }
    }
  }
}

/// A running `kvstore`.
private struct Target: Sendable {
  let port: Int
  let process: pid_t

  // MARK: Hostile clients

  /// Clients come, do what their kind does, and go with a reset, all at the same time.
  func visit(_ kind: HostileClientsTests.Kind, by count: Int) throws {
    let before = try self.residentMegabytes()
    var clients = try (0..<count).map { _ in
      let client = try RawConnection(host: "127.0.0.1", port: self.port)
      client.resetOnClose()
      return client
    }
    for client in clients { try self.begin(kind, client) }
    switch kind {
    case .asksAndReadsNothing, .sendsOnAfterItsLastRequest:
      try self.put("/meanwhile", value: "1")
      // One answer is made for each of them, and perhaps copied.
      let now = try self.residentMegabytes()
      if now > before + 50 + 2 * kind.megabytes * count {
        throw TestFailure("\(kind.rawValue): \(count) clients cost \(now - before) MB")
      }
    case .vanishesInAStream:
      for number in 0..<20 {
        try self.put("/streamed/\(number)", value: "1")
        clients.removeFirst(count / 20)
      }
    default: break
    }
  }

  private func begin(_ kind: HostileClientsTests.Kind, _ client: RawConnection) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    func send(_ text: String) { _ = client.send(Array(text.utf8)) }
    func get(_ target: String, closes: Bool = false) -> String {
      "GET /v2/keys\(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(closes ? "Connection: close\r\n" : "")\r\n"
    }
    switch kind {
    case .asksAndReadsNothing:
      client.limitReceiveBuffer()
      send(String(repeating: get("/big"), count: 16))
    case .sendsOnAfterItsLastRequest:
      client.limitReceiveBuffer()
      send(get("/big", closes: true))
      _ = try client.readHead("GET", until: deadline)
      client.sendWithoutWaiting(atMost: 64 << 20)
    case .vanishesBeforeARequest: break
    case .vanishesInAHead: send("GET /v2/keys/big HTTP/1.1\r\nHos")
    case .vanishesInABody:
      send(
        "PUT /v2/keys/lost HTTP/1.1\r\nHost: 127.0.0.1\r\n"
          + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n"
          + "value=" + String(repeating: "x", count: 50_000))
    case .vanishesInAWatch:
      send(get("/watched?wait=true"))
      _ = try client.readHead("GET", until: deadline)
    case .vanishesInAStream:
      send(get("/streamed?wait=true&recursive=true&stream=true"))
      _ = try client.readHead("GET", until: deadline)
    case .vanishesInAnAnswer:
      client.limitReceiveBuffer()
      send(get("/big"))
      _ = try client.readHead("GET", until: deadline)
    }
  }

  // MARK: The server

  func put(_ key: String, value: String) throws {
    let call = KeysCall(method: "PUT", path: key, body: [("value", value)])
    let status = try self.ask { connection in
      _ = connection.send(call.bytes)
      return try call.readAnswer(from: connection).status
    }
    guard status == 200 || status == 201 else { throw TestFailure("PUT \(key): \(status)") }
  }

  /// Waits until the server has no watcher, and only its own files and the connection of the question.
  func awaitCalm(descriptors: Int) throws {
    for (metric, limit) in [
      ("etcd_debugging_store_watchers", 0), ("process_open_fds", descriptors),
    ] {
      try self.await("\(metric) is at most \(limit)") {
        let value = try self.metric(metric)
        return (value <= limit, "\(value)")
      }
    }
  }

  func await(_ what: String, _ condition: () throws -> (holds: Bool, now: String)) throws {
    let end = ContinuousClock.now + .seconds(60)
    while case let (holds, now) = try condition(), !holds {
      guard ContinuousClock.now < end else { throw TestFailure("never: \(what); it is \(now)") }
      usleep(20_000)
    }
  }

  func residentMegabytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(self.process)/status", encoding: .utf8)
    guard let kilobytes = status.firstMatch(of: /VmRSS:\s+(\d+) kB/).flatMap({ Int($0.1) }) else {
      throw TestFailure("no VmRSS: has the server ended?")
    }
    return kilobytes / 1024
  }

  func metric(_ name: String) throws -> Int {
    let text = try self.ask { connection in
      _ = connection.send(Array("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8))
      let end = ContinuousClock.now + .seconds(60)
      _ = try connection.readHead("GET", until: end)
      var text: [UInt8] = []
      while let piece = try connection.readPiece(until: end) { text += piece }
      return String(decoding: text, as: UTF8.self)
    }
    let lines = text.split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix(name + " ") }),
      let value = Double(line.dropFirst(name.count + 1))
    else { throw TestFailure("no metric \(name) in \(text)") }
    return Int(value)
  }

  private func ask<Answer>(_ body: (RawConnection) throws -> Answer) throws -> Answer {
    try body(RawConnection(host: "127.0.0.1", port: self.port))
  }
}

extension RawConnection {
  /// As of a client that cannot keep up: the kernel takes little for it.
  fileprivate func limitReceiveBuffer() {
    var size: Int32 = 4096
    setsockopt(
      self.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
  }

  /// The connection ends with a reset, whatever is under way.
  fileprivate func resetOnClose() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      self.descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
  }

  /// Sends until the server takes no more for a moment.
  fileprivate func sendWithoutWaiting(atMost limit: Int) {
    let piece = [UInt8](repeating: UInt8(ascii: "z"), count: 65_536)
    var sent = 0
    while sent < limit {
      let count = piece.withUnsafeBytes {
        Glibc.send(
          self.descriptor, $0.baseAddress, $0.count,
          Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count > 0 {
        sent += count
        continue
      }
      var poll = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
      guard errno == EAGAIN, Glibc.poll(&poll, 1, 500) > 0, poll.revents == POLLOUT else { return }
    }
  }
}
