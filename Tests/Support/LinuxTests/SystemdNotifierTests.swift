import Foundation
import Glibc
import Testing

@testable import Linux

@Suite struct SystemdNotifierTests {
  @Test(arguments: [[:], ["NOTIFY_SOCKET": ""], ["NOTIFY_SOCKET": "vsock:2:1"]])
  func withoutSystemdThereIsNobodyToTell(_ environment: [String: String]) {
    #expect(SystemdNotifier(environment: environment) == nil)
  }

  @Test(arguments: [("30000000", 30), ("0", nil), ("x", nil)] as [(String, Int?)])
  func theWatchdogsTimeIsInMicroseconds(_ text: String, _ seconds: Int?) {
    let systemd = SystemdNotifier(environment: ["NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": text])
    #expect(systemd?.watchdog == seconds.map { .seconds($0) })
  }

  /// Over a real socket, with a path and with an abstract name.
  @Test(arguments: [true, false]) func whatIsSaidArrives(_ isAbstract: Bool) throws {
    let name =
      isAbstract
      ? "@zweimaster-\(UUID().uuidString)"
      : FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = Array(name.utf8)
    if isAbstract { path[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    try #require(result == 0)
    defer { if !isAbstract { unlink(name) } }
    let systemd = try #require(SystemdNotifier(environment: ["NOTIFY_SOCKET": name]))
    systemd.send(.ready, .status("a\nb"))
    systemd.send(.alive)
    systemd.send(.stopping)
    var heard: [String] = []
    for _ in 0..<3 {
      var buffer = [UInt8](repeating: 0, count: 256)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      heard.append(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
    }
    #expect(heard == ["READY=1\nSTATUS=a b", "WATCHDOG=1", "STOPPING=1"])
  }
}
