import CLinux
import Glibc
import Linux

/// Puts a container's staged mounts together, in a mount namespace of the shim's own: nothing of it is seen on
/// the machine, and all of it is gone with the shim and its container.
///
/// Each source and each place is opened once, beneath its root, and mounted by its descriptor. So a link that a
/// container puts on the way, before or meanwhile, leads nowhere (CVE-2021-25741).
enum MountStage {
  static func prepare(_ mounts: [StagedMount], in directory: String) throws(FileError) {
    guard !mounts.isEmpty else { return }
    guard clinux_unshare_mounts() == 0,
      mount(nil, "/", nil, UInt(MS_REC | MS_SLAVE), nil) == 0
    else { throw FileError("unshare", "the mounts") }
    for (index, staged) in mounts.enumerated() {
      let source = try Self.source(of: staged)
      defer { close(source) }
      let isDirectory = Self.isDirectory(source)
      if let outer = staged.outer {
        let root = try HeldDirectory(StagedMount.path(outer.index, in: directory))
        let place = try Self.place(outer.place, in: root, isDirectory: isDirectory)
        defer { close(place) }
        try Self.bind(source, to: "/proc/self/fd/\(place)", named: outer.place)
        guard staged.isReadOnly else { continue }
        let mounted = try root.open(outer.place, HeldDirectory.pathOnly)
        defer { close(mounted) }
        try Self.makeReadOnly(mounted, named: outer.place)
      } else {
        let path = StagedMount.path(index, in: directory)
        if isDirectory {
          guard mkdir(path, 0o700) == 0 else { throw FileError("create", path) }
        } else {
          let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
          guard file >= 0 else { throw FileError("create", path) }
          close(file)
        }
        try Self.bind(source, to: path, named: staged.source)
        guard staged.isReadOnly else { continue }
        let mounted = open(path, HeldDirectory.pathOnly | O_CLOEXEC)
        guard mounted >= 0 else { throw FileError("open", path) }
        defer { close(mounted) }
        try Self.makeReadOnly(mounted, named: staged.source)
      }
    }
  }

  private static func source(of staged: StagedMount) throws(FileError) -> Int32 {
    if !staged.subPath.isEmpty {
      return try HeldDirectory(staged.source).open(staged.subPath, HeldDirectory.pathOnly)
    }
    let source = open(staged.source, HeldDirectory.pathOnly | O_CLOEXEC)
    guard source >= 0 else { throw FileError("open", staged.source) }
    return source
  }

  /// Opens a mount's place beneath the outer mount, and makes it when it is missing.
  private static func place(
    _ path: String, in root: borrowing HeldDirectory, isDirectory: Bool
  ) throws(FileError) -> Int32 {
    guard let steps = PathComponent.steps(of: path), let last = steps.last else {
      errno = EINVAL
      throw FileError("create", path)
    }
    if isDirectory {
      _ = try root.making(steps, mode: 0o755)
    } else {
      let parent = try root.making(Array(steps.dropLast()), mode: 0o755)
      let file = openat(
        parent.descriptor, "\(last)", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
      guard file >= 0 || errno == EEXIST else { throw FileError("create", path) }
      if file >= 0 { close(file) }
    }
    return try root.open(path, HeldDirectory.pathOnly)
  }

  private static func isDirectory(_ file: Int32) -> Bool {
    var status = stat()
    return fstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func bind(_ source: Int32, to path: String, named name: String) throws(FileError) {
    guard
      mount("/proc/self/fd/\(source)", path, nil, UInt(MS_BIND | MS_REC), nil) == 0
    else { throw FileError("mount", name) }
  }

  private static func makeReadOnly(_ mounted: Int32, named name: String) throws(FileError) {
    guard clinux_make_mount_read_only(mounted) == 0 else { throw FileError("mount", name) }
  }
}
