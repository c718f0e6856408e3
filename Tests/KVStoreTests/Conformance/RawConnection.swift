import Foundation
import Glibc

/// A client's end of an HTTP connection. It sends any bytes, even those that no HTTP library would, and reads
/// the answer piece by piece. Its calls block: it needs a thread of its own.
final class RawConnection {
  struct Head: Sendable {
    let status: Int
    let headers: [(name: String, value: String)]

    subscript(_ name: String) -> String? {
      self.headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  enum Failure: Error, Equatable {
    case address(String)
    /// Nothing came for as long as was allowed.
    case silence
    /// The other side is gone, with nothing of an answer sent.
    case gone
    /// The answer broke off or is no HTTP.
    case malformed(String)
  }

  private enum Framing: Equatable {
    case none
    case length(Int)
    case chunk(remaining: Int)
    case trailer
    case untilClose
    case done
  }

  let descriptor: Int32
  private var buffer: [UInt8] = []
  private var framing = Framing.none
  private var closesAfterwards = false
  private var isAtEnd = false

  /// Whether the connection can carry another request after this answer.
  var canGoOn: Bool { self.framing == .done && !self.closesAfterwards && !self.isAtEnd }
  /// Whether the answer is over.
  var isDone: Bool { self.framing == .done }

  init(host: String, port: Int) throws {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var addresses: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, "\(port)", &hints, &addresses) == 0, let addresses else {
      throw Failure.address("\(host):\(port)")
    }
    defer { freeaddrinfo(addresses) }
    let address = addresses.pointee
    self.descriptor = socket(address.ai_family, address.ai_socktype | O_CLOEXEC, 0)
    guard connect(self.descriptor, address.ai_addr, address.ai_addrlen) == 0 else {
      let reason = String(cString: strerror(errno))
      throw Failure.address("\(host):\(port): \(reason)")
    }
    var on: Int32 = 1
    setsockopt(
      self.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit {
    close(self.descriptor)
  }

  /// - Returns: whether all of it went out; a server may answer and close before it has read all.
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  /// Waits for `100 Continue`.
  func awaitContinue(until deadline: ContinuousClock.Instant) throws -> Bool {
    while self.buffer.count < 12 { try self.fill(until: deadline) }
    return String(decoding: self.buffer.prefix(12), as: UTF8.self) == "HTTP/1.1 100"
  }

  /// Reads the head of the answer to a request with this method.
  func readHead(_ method: String, until deadline: ContinuousClock.Instant) throws -> Head {
    while true {
      var lines: [String] = []
      while case let line = try self.line(until: deadline), !line.isEmpty { lines.append(line) }
      guard let first = lines.first else { throw Failure.malformed("no status line") }
      let words = first.split(separator: " ", maxSplits: 2)
      guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
        throw Failure.malformed(first)
      }
      if status == 100 { continue }
      let head = Head(
        status: status,
        headers: lines.dropFirst().map { line in
          let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
          return (
            String(parts[0]), (parts.last ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
          )
        })
      let connection = head["Connection"]?.lowercased()
      self.closesAfterwards =
        connection == "close" || words[0] == "HTTP/1.0" && connection != "keep-alive"
      if method == "HEAD" || status == 204 || status == 304 {
        self.framing = .done
      } else if head["Transfer-Encoding"]?.lowercased() == "chunked" {
        self.framing = .chunk(remaining: 0)
      } else if let length = head["Content-Length"].flatMap({ Int($0) }) {
        self.framing = length == 0 ? .done : .length(length)
      } else {
        self.framing = .untilClose
        self.closesAfterwards = true
      }
      return head
    }
  }

  /// The next piece of the body; `nil` when it is over.
  /// - Throws: ``Failure/silence`` when none has come by the deadline; asking again is fine.
  func readPiece(until deadline: ContinuousClock.Instant) throws -> [UInt8]? {
    switch self.framing {
    case .none, .done: return nil
    case .length(let remaining):
      let piece = try self.take(atMost: remaining, until: deadline)
      self.framing = piece.count == remaining ? .done : .length(remaining - piece.count)
      return piece
    case .untilClose:
      do {
        return try self.take(atMost: .max, until: deadline)
      } catch Failure.gone {
        self.framing = .done
        return nil
      }
    case .chunk(remaining: 0):
      let line = try self.line(until: deadline)
      // The end of the chunk before.
      if line.isEmpty { return try self.readPiece(until: deadline) }
      guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else {
        throw Failure.malformed("instead of a chunk: \(line)")
      }
      self.framing = size == 0 ? .trailer : .chunk(remaining: size)
      return try self.readPiece(until: deadline)
    case .trailer:
      while try !self.line(until: deadline).isEmpty {}
      self.framing = .done
      return nil
    case .chunk(let remaining):
      let piece = try self.take(atMost: remaining, until: deadline)
      self.framing = .chunk(remaining: remaining - piece.count)
      return piece
    }
  }

  private func take(
    atMost limit: Int, until deadline: ContinuousClock.Instant
  ) throws -> [UInt8] {
    if self.buffer.isEmpty { try self.fill(until: deadline) }
    let piece = Array(self.buffer.prefix(limit))
    self.buffer.removeFirst(piece.count)
    return piece
  }

  /// A line without its end; what has come of one stays for the next call when time is up.
  private func line(until deadline: ContinuousClock.Instant) throws -> String {
    while true {
      if let end = self.buffer.firstIndex(of: 0x0A) {
        var line = self.buffer[..<end]
        if line.last == 0x0D { line.removeLast() }
        self.buffer.removeFirst(end + 1)
        return String(decoding: line, as: UTF8.self)
      }
      try self.fill(until: deadline)
    }
  }

  private func fill(until deadline: ContinuousClock.Instant) throws {
    let left = max(0, (deadline - .now) / .milliseconds(1))
    var poll = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, Int32(min(left.rounded(.up), 600_000))) > 0 else {
      throw Failure.silence
    }
    let piece = [UInt8](unsafeUninitializedCapacity: 65536) { space, count in
      count = max(0, recv(self.descriptor, space.baseAddress, space.count, 0))
    }
    if piece.isEmpty {
      self.isAtEnd = true
      throw Failure.gone
    }
    self.buffer += piece
  }
}
