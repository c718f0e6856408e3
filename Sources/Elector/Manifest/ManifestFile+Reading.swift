import Glibc

extension ManifestFile {
  /// More than a kubelet reads.
  static let maximumBytes = 16 << 20

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func name(of path: String) -> String {
    String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
  }

  static func read(_ path: String) throws(ManifestError) -> [UInt8] {
    // A pipe without a writer must not block.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .failed(.read, path, errno) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .failed(.read, path, errno)
      }
      if count == 0 { return content }
      content += buffer[..<count]
      if content.count > Self.maximumBytes { throw .failed(.read, path, EFBIG) }
    }
  }
}
