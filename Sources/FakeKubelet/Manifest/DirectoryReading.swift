import Glibc

/// Reads a directory and its files. All functions block.
enum DirectoryReading {
  static func listing(of path: String) -> DirectoryListing {
    guard let directory = opendir(path) else {
      switch errno {
      case ENOENT: return .missing(reason: "path does not exist, ignoring")
      case ENOTDIR: return .missing(reason: "path is not a directory")
      default: return .missing(reason: Self.reason())
      }
    }
    defer { closedir(directory) }
    var entries: [String: DirectoryListing.Entry] = [:]
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      guard !name.hasPrefix(".") else { continue }
      entries[name] = Self.entry(at: "\(path)/\(name)")
    }
    return .entries(entries)
  }

  /// `nil` when the file is gone meanwhile.
  static func entry(at path: String) -> DirectoryListing.Entry? {
    // Without O_NONBLOCK the open of a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let reason = Self.reason()
      var status = stat()
      if lstat(path, &status) != 0, errno == ENOENT { return nil }
      return .unreadable(reason: "Could not get metadata: \(reason)")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .unreadable(reason: Self.reason()) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return Self.content(of: descriptor)
    case S_IFDIR:
      return .unreadable(
        reason: "Provided manifest path is a directory, not recursing into manifest path")
    default: return .unreadable(reason: "Manifest path is not a directory or file")
    }
  }

  /// Reads at most as many bytes as show that a file is too large.
  private static func content(of descriptor: Int32) -> DirectoryListing.Entry {
    var bytes: [UInt8] = []
    let chunk = 65_536
    while bytes.count < PodManifest.maximumSize {
      let size = min(chunk, PodManifest.maximumSize - bytes.count)
      var count = 0
      bytes.append(
        contentsOf: [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
          count = Glibc.read(descriptor, buffer.baseAddress, size)
          initialized = max(0, count)
        })
      if count < 0 {
        if errno == EINTR { continue }
        return .unreadable(reason: Self.reason())
      }
      if count == 0 { break }
    }
    return .content(bytes)
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
