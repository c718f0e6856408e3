import Glibc

/// A lock on one path in a kubelet's directory: two guards with one `--dest-file` would remove each other's
/// manifests for ever.
///
/// It is an open file beside the path, whose name begins with a dot, which kubelets ignore. The kernel frees it
/// with its process, and knows it by whatever mount or link the directory is reached. Source: flock(2).
///
/// Its file also says whether a pod of an earlier process may run (``isMarked(at:)``), also to processes that come after a
/// crash of both, or after a stop that could not show its pod's end.
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

  deinit { self.unlock() }

  private func unlock() {
    guard let file else { return }
    // A process that was just forked holds the descriptor, too, until it becomes another program.
    flock(file, LOCK_UN)
    close(file)
    self.file = nil
  }

  /// Takes the lock, or finds that it is held still: the directory may be another one by now.
  package func hold() -> Outcome {
    if let file {
      if InodeIdentity(descriptor: file) == InodeIdentity(path: self.path) { return .held }
      self.unlock()
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
      Self.write(getpid(), isMarked: Self.text(of: file).hasSuffix(Self.mark), to: file)
      return .held
    }
    return .unavailable(reason: "its file is removed again and again")
  }

  /// Frees it, and removes its file, unless a pod may run.
  package func release() {
    guard let file else { return }
    if InodeIdentity(descriptor: file) == InodeIdentity(path: self.path),
      !Self.text(of: file).hasSuffix(Self.mark)
    {
      unlink(self.path)
    }
    self.unlock()
  }

  private func open(_ flags: Int32) -> Int32 {
    Glibc.open(self.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0o600)
  }

  // MARK: The mark

  /// At the end of the file: something was installed, and nothing has shown that its pod has ended.
  private static let mark = "used\n"

  /// Whether a pod may run that an earlier process has installed. A lock that is not there says no.
  static func isMarked(at path: String) -> Bool {
    guard let file = OpenFile(reading: path) else { return false }
    return self.text(of: file.descriptor).hasSuffix(self.mark)
  }

  /// Changes the mark of a lock that our guard has. Without a lock nothing happens.
  static func setMark(_ isMarked: Bool, at path: String) {
    let file = Glibc.open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { return }
    defer { close(file) }
    self.write(Int32(self.text(of: file).filter(\.isNumber)) ?? 0, isMarked: isMarked, to: file)
  }

  private static func write(_ owner: Int32, isMarked: Bool, to file: Int32) {
    let text = Array("\(owner)\n\(isMarked ? self.mark : "")".utf8)
    pwrite(file, text, text.count, 0)
    ftruncate(file, off_t(text.count))
  }

  private static var reason: String { String(cString: strerror(errno)) }

  private static func owner(of file: Int32) -> String {
    // In a container its number may be another one than outside.
    Int32(self.text(of: file).filter(\.isNumber)).map { "process \($0)" } ?? "a process"
  }

  private static func text(of file: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = pread(file, &buffer, buffer.count, 0)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}
