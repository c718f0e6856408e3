import Glibc

/// A lock on one path in a kubelet's directory: two guards with one `--dest-file` would remove each other's
/// manifests for ever.
///
/// It is an open file beside the path, whose name begins with a dot, which kubelets ignore. The kernel frees it
/// with its process, and knows it by whatever mount or link the directory is reached. Source: flock(2).
package final class ManifestLock {
  package enum Outcome: Equatable, Sendable {
    case held
    /// Another process has it; `by` says which one, as far as it is known.
    case taken(by: String)
    /// There is no place for it, such as no directory yet.
    case unavailable(reason: String)
  }

  package let path: String
  private var file: Int32?

  /// - Parameter destination: the manifest's path.
  package init(of destination: String) {
    self.path = ManifestPath(destination).lock
  }

  deinit { if let file { close(file) } }

  /// Takes the lock, or finds that it is held still: the directory may be another one by now.
  package func hold() -> Outcome {
    if let file {
      if InodeIdentity(descriptor: file) == InodeIdentity(path: self.path) { return .held }
      close(file)
      self.file = nil
    }
    // Its owner may remove the file between our `open` and our `flock`.
    for _ in 0..<100 {
      let file = self.open(O_CREAT)
      guard file >= 0 else { return .unavailable(reason: Self.reason) }
      if flock(file, LOCK_EX | LOCK_NB) != 0 {
        let outcome: Outcome =
          errno == EWOULDBLOCK
          ? .taken(by: Self.owner(of: file)) : .unavailable(reason: Self.reason)
        close(file)
        return outcome
      }
      guard InodeIdentity(descriptor: file) == InodeIdentity(path: self.path) else {
        close(file)
        continue
      }
      self.file = file
      let text = Array("\(getpid())\n".utf8)
      ftruncate(file, 0)
      pwrite(file, text, text.count, 0)
      return .held
    }
    return .unavailable(reason: "its file is removed again and again")
  }

  /// Frees it, and removes its file.
  package func release() {
    guard let file else { return }
    if InodeIdentity(descriptor: file) == InodeIdentity(path: self.path) { unlink(self.path) }
    close(file)
    self.file = nil
  }

  private func open(_ flags: Int32) -> Int32 {
    Glibc.open(self.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0o600)
  }

  private static var reason: String { String(cString: strerror(errno)) }

  private static func owner(of file: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = pread(file, &buffer, buffer.count, 0)
    let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    // In a container its number may be another one than outside.
    return Int32(text.filter(\.isNumber)).map { "process \($0)" } ?? "a process"
  }
}
