import Glibc

/// The place of a Unix socket. Source: unix(7).
package enum UnixSocket {
  /// Removes a socket on which no process listens any more.
  /// - Returns: why no other one can be made there; `nil` when it can.
  package static func makeRoom(at path: String) -> String? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    guard status.st_mode & S_IFMT == S_IFSOCK else { return "it is another kind of file" }
    if self.isServed(path) { return "another process listens there" }
    guard unlink(path) == 0 || errno == ENOENT else { return String(cString: strerror(errno)) }
    return nil
  }

  /// Whether a process listens.
  package static func isServed(_ path: String) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    // A longer one belongs to no socket.
    guard path.utf8.count < capacity else { return false }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let socket = Glibc.socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    return withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    } == 0
  }

  /// The sockets in a directory, in the order of their names.
  package static func all(in directory: String) -> [String] {
    guard let held = try? HeldDirectory(directory) else { return [] }
    return held.names.sorted().map { "\(directory)/\($0)" }.filter { path in
      var status = stat()
      return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }
  }
}
