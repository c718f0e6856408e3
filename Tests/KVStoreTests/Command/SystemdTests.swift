import Foundation
import Glibc
import TestSupport
import Testing

/// What the unit `deploy/kvstore.service` relies on.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct SystemdTests {
  @Test func itSaysThatItListensAndThatItLives() async throws {
    try await TemporaryFiles.with { files in
      let socket = try NoticeSocket(files.path("notify"))
      defer { socket.close() }
      try await RealProgram.run(
        in: files.path("."), ["--listen-client-urls", "http://127.0.0.1:0"],
        environment: ["NOTIFY_SOCKET": files.path("notify"), "WATCHDOG_USEC": "300000"]
      ) { program in
        var notices = [try await socket.next()]
        #expect(notices == ["READY=1\nSTATUS=listening on \(program.urls[0])"])
        for _ in 0..<3 { notices.append(try await socket.next()) }
        #expect(notices.dropFirst() == ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"])
      }
    }
  }
}

/// systemd's end of the socket.
private struct NoticeSocket: Sendable {
  private let descriptor: Int32

  init(_ path: String) throws {
    self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let descriptor = self.descriptor
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    try #require(result == 0, "\(path): \(String(cString: strerror(errno)))")
    // A notice that does not come is an empty one.
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(
      self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  func next() async throws -> String {
    try await onThreadOfItsOwn {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(self.descriptor, &buffer, buffer.count, 0)
      return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
  }

  func close() { _ = Glibc.close(self.descriptor) }
}
