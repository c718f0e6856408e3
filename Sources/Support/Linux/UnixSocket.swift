import Glibc

/// The place of a Unix socket. Source: unix(7).
package enum UnixSocket {
  /// Why a socket cannot be bound: `Permission denied`.
  package struct BindError: Error, Equatable {
    package var reason: String
  }

  /// A socket at a path, where nothing may be but a socket on which no process listens any more. From its first moment
  /// only its owner can open it.
  /// - Returns: its descriptor, which is the caller's to close.
  package static func bind(at path: String) throws(BindError) -> CInt {
    guard var address = self.address(path) else { throw BindError(reason: "the path is too long") }
    if let reason = self.makeRoom(at: path) { throw BindError(reason: reason) }
    let socket = Glibc.socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw BindError(reason: String(cString: strerror(errno))) }
    // The file gets the mode that the socket has.
    guard fchmod(socket, 0o600) == 0, self.call(Glibc.bind, socket, &address) == 0 else {
      let reason = String(cString: strerror(errno))
      close(socket)
      throw BindError(reason: reason)
    }
    return socket
  }

  /// The reason when another process listens.
  package static let taken = "another process listens there"

  /// Removes a socket on which no process listens any more.
  /// - Returns: why no other one can be made there; `nil` when it can.
  package static func makeRoom(at path: String) -> String? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    guard status.st_mode & S_IFMT == S_IFSOCK else { return "it is another kind of file" }
    if self.isServed(path) { return self.taken }
    guard unlink(path) == 0 || errno == ENOENT else { return String(cString: strerror(errno)) }
    return nil
  }

  /// Whether a process listens, even if it accepts nothing: a stopped one must not stop its caller.
  package static func isServed(_ path: String) -> Bool {
    // A path that is too long belongs to no socket.
    guard var address = self.address(path) else { return false }
    let socket = Glibc.socket(
      AF_UNIX,
      Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    // EAGAIN: its queue is full.
    return self.call(connect, socket, &address) == 0 || errno == EAGAIN
  }

  /// - Returns: `nil` for a path that is too long.
  private static func address(_ path: String) -> sockaddr_un? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return address
  }

  private static func call(
    _ function: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt, _ socket: CInt,
    _ address: inout sockaddr_un
  ) -> CInt {
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        function(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
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
