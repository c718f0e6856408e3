import Glibc

/// Reads a directory and its files. All functions block.
enum DirectoryReading {
  static func listing(of path: String) -> DirectoryListing {
    guard let directory = opendir(path) else {
      switch errno {
      case ENOENT: return .missing(reason: "path does not exist, ignoring")
      case ENOTDIR: return Self.file(path)
      default: return .missing(reason: Self.reason())
      }
    }
    var entries: [String: DirectoryListing.Entry] = [:]
    for name in HostFiles.names(in: directory) where !name.hasPrefix(".") {
      entries[name] = Self.entry(at: "\(path)/\(name)")
    }
    return .entries(entries)
  }

  private static func file(_ path: String) -> DirectoryListing {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let entry = Self.entry(at: path)
    else { return .missing(reason: "path is not a directory or file") }
    return .file(entry)
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
    case S_IFREG:
      // At most as many bytes as show that a file is too large.
      let bytes = HostFiles.rest(of: descriptor, upTo: PodManifest.maximumSize)
      return bytes.map { .content($0) } ?? .unreadable(reason: Self.reason())
    case S_IFDIR:
      return .unreadable(
        reason: "Provided manifest path is a directory, not recursing into manifest path")
    default: return .unreadable(reason: "Manifest path is not a directory or file")
    }
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
