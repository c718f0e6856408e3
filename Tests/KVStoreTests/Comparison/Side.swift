/// One of the two servers, as its clients see it.
final class Side {
  let name: String
  private let port: Int
  private let connection: RawConnection
  /// Idle ones of watches that are over.
  private var spare: [RawConnection] = []

  init(_ name: String, port: Int) throws {
    self.name = name
    self.port = port
    self.connection = try RawConnection(host: "127.0.0.1", port: port)
  }

  /// The answer comes with ``answer(to:)``: meanwhile the other side can work, too.
  func send(_ call: KeysCall) { _ = self.connection.send(call.bytes) }

  func answer(to call: KeysCall) throws -> PlainModel.Answer {
    try call.readAnswer(from: self.connection)
  }

  func ask(_ call: KeysCall) throws -> PlainModel.Answer {
    self.send(call)
    return try self.answer(to: call)
  }

  func watcherCount() throws -> Int64? {
    _ = self.connection.send(Array("GET /v2/stats/store HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8))
    let call = KeysCall(method: "GET", path: "")
    return try call.readAnswer(from: self.connection).body["watchers"]?.integer
  }

  /// Begins a watch, and returns when the server has it.
  func watch(_ call: KeysCall) throws -> WatchHalf {
    let connection =
      try self.spare.popLast() ?? RawConnection(host: "127.0.0.1", port: self.port)
    _ = connection.send(call.bytes)
    return try WatchHalf(connection, call)
  }

  /// Keeps a connection for another watch, if it can carry one.
  func takeBack(_ half: WatchHalf) {
    if half.connection.canGoOn { self.spare.append(half.connection) }
  }
}

/// A watch at one of the servers.
final class WatchHalf {
  let connection: RawConnection
  let head: RawConnection.Head
  private var bytes: [UInt8] = []
  private(set) var events: [WireJSON] = []

  fileprivate init(_ connection: RawConnection, _ call: KeysCall) throws {
    self.connection = connection
    self.head = try connection.readHead(call.method, until: .now + .seconds(60))
  }

  /// Reads up to the event that is the last one, or to the end of the answer.
  /// - Returns: what is wrong.
  func read(until isLast: (WireJSON) -> Bool) throws -> String? {
    while self.events.last.map(isLast) != true {
      do {
        guard try self.readPiece(until: .now + .seconds(60)) else { break }
      } catch RawConnection.Failure.silence {
        return "nothing comes after \(self.events)"
      }
    }
    return nil
  }

  /// Whether there are bytes beyond the events that were read.
  func hasMore() throws -> Bool {
    do {
      return try self.readPiece(until: .now)
    } catch RawConnection.Failure.silence {
      return false
    }
  }

  private func readPiece(until deadline: ContinuousClock.Instant) throws -> Bool {
    guard let piece = try self.connection.readPiece(until: deadline) else { return false }
    self.bytes += piece
    let documents = WireJSON.documents(self.bytes)
    self.events += documents.map(\.value)
    self.bytes.removeFirst(documents.last?.end ?? 0)
    return true
  }
}
