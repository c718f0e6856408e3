import Glibc

/// Free ports of 127.0.0.1.
///
/// They are chosen before the programs start, because a kubelet and a store keep their ports over a restart. They are
/// below the range of the kernel's ports for clients, so that none is taken while its server is down.
package enum FreePorts {
  package static func pick(_ count: Int) throws(ClusterError) -> [Int] {
    var result: [Int] = []
    for _ in 0..<1000 where result.count < count {
      let candidate = Int.random(in: 10_000..<32_768)
      if !result.contains(candidate), self.isFree(candidate) { result.append(candidate) }
    }
    guard result.count == count else { throw .noFreePort }
    return result
  }

  private static func isFree(_ port: Int) -> Bool { self.problem(port) == nil }

  /// The error number of an attempt to bind a port; `nil` when it is free.
  package static func problem(_ port: Int) -> Int32? {
    switch self.bind(port) {
    case .success(let descriptor):
      close(descriptor)
      return nil
    case .failure(let problem): return problem.number
    }
  }

  /// The error number of a call.
  package struct Problem: Error {
    package var number: Int32
  }

  /// A socket that is bound to a port of 127.0.0.1 in the network of this thread.
  package static func bind(_ port: Int) -> Result<Int32, Problem> {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return .failure(Problem(number: errno)) }
    // As servers do, so that closed connections do not block the port.
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let isBound =
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      } == 0
    guard isBound else {
      defer { close(descriptor) }
      return .failure(Problem(number: errno))
    }
    return .success(descriptor)
  }
}
