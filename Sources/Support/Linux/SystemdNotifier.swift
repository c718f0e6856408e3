import Glibc

/// Sends a service's state to systemd.
///
/// Source: sd_notify(3), sd_watchdog_enabled(3).
package struct SystemdNotifier: Sendable {
  private let socket: String
  /// The period within which systemd expects ``Notice/alive``; `nil` without a watchdog.
  package let watchdog: Duration?

  /// - Parameter environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC`.
  /// - Returns: `nil` when systemd expects no notices.
  package init?(environment: [String: String]) {
    guard let socket = environment["NOTIFY_SOCKET"], socket.hasPrefix("/") || socket.hasPrefix("@")
    else { return nil }
    self.socket = socket
    self.watchdog = environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap {
      $0 > 0 ? .microseconds($0) : nil
    }
  }

  package enum Notice: Equatable, Sendable {
    case ready
    case alive
    case stopping
    /// For people, in `systemctl status`.
    case status(String)

    package var line: String {
      switch self {
      case .ready: "READY=1"
      case .alive: "WATCHDOG=1"
      case .stopping: "STOPPING=1"
      case .status(let text): "STATUS=\(text.replacing("\n", with: " "))"
      }
    }
  }

  /// Sends notices in one message. Errors are ignored: systemd acts on missing notices.
  package func send(_ notices: Notice...) {
    let descriptor = Glibc.socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The @ of an abstract name stands for a zero byte.
    var path = Array(self.socket.utf8)
    if path.first == UInt8(ascii: "@") { path[0] = 0 }
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.count < room else { return }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let prefix = MemoryLayout<sockaddr_un>.size - room
    let message = Array(notices.map(\.line).joined(separator: "\n").utf8)
    withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        _ = sendto(
          descriptor, message, message.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), address,
          socklen_t(prefix + path.count))
      }
    }
  }
}
