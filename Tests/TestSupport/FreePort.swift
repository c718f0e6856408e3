import Glibc
import HTTPEndpoint

/// Ports without a listener at this moment.
public enum FreePort {
  public static func some(_ count: Int) throws -> [Int] {
    let sockets = try (0..<count).map { _ in try Self.bound() }
    for socket in sockets { close(socket.descriptor) }
    return sockets.map { Int($0.port) }
  }

  /// A socket with a port of the kernel's choice.
  fileprivate static func bound() throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else { throw TestFailure("no port: \(String(cString: strerror(errno)))") }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }
}

extension HTTPEndpoint {
  /// Refuses every connection while the process runs: its port is bound, so that no other process gets it,
  /// and has no listener.
  public static let refusing: HTTPEndpoint = {
    let url = "http://127.0.0.1:\(Self.refusingPort)"
    guard let endpoint = try? HTTPEndpoint(url) else { preconditionFailure("\(url) is a URL") }
    return endpoint
  }()

  /// Its port.
  public static let refusingPort: UInt16 = {
    guard let port = try? FreePort.bound().port else {
      preconditionFailure("there is no port left")
    }
    return port
  }()
}
