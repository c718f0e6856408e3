import Glibc
import HTTPEndpoint

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
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let failure = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) != 0 || getsockname(descriptor, $0, &size) != 0
      }
    }
    precondition(!failure, "there is no port left")
    return UInt16(bigEndian: address.sin_port)
  }()
}
