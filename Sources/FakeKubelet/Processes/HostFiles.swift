import ContainerShim
import Glibc
import KubernetesObjects
import Linux

/// Reads this machine's files for containers, and makes their volumes. All functions block.
enum HostFiles {
  static func isDirectory(_ path: String) -> Bool { Self.type(of: path) == S_IFDIR }

  static func exists(_ path: String) -> Bool { Self.type(of: path) != nil }

  static func isPipe(_ path: String) -> Bool { Self.type(of: path) == S_IFIFO }

  /// Of an open file.
  static func type(of descriptor: Int32) -> mode_t? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  private static func type(of path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  /// Creates a directory with its parents, where the configuration or a hostPath volume names it.
  static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws(StartFailure) {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, mode) != 0, errno != EEXIST else { continue }
      let reason = String(cString: strerror(errno))
      if Self.isDirectory(made) { continue }
      throw .mount("cannot create the directory \(made): \(reason)")
    }
  }

  /// The path of a volume's content on this machine.
  /// - Parameter scratch: makes the directory for content that lives as long as the pod.
  static func hostPath(
    of volume: JSONValue, scratch: (_ name: String) throws(StartFailure) -> String
  ) throws(StartFailure) -> String {
    let name = volume["name"]?.string ?? ""
    if volume["emptyDir"] != nil { return try scratch(name) }
    guard let host = volume["hostPath"], let path = host["path"]?.string else {
      let kind = volume.members.keys.filter { $0 != "name" }.sorted().first ?? "of no kind"
      throw .mount(
        "MountVolume.SetUp failed for volume \"\(name)\" : \(kind): this node supports only "
          + "hostPath and emptyDir")
    }
    try Self.check(path, type: host["type"]?.string ?? "", volume: name)
    return path
  }

  /// Source: `pkg/volume/hostpath/host_path.go`.
  private static func check(
    _ path: String, type: String, volume: String
  ) throws(StartFailure) {
    func failure(_ noun: String) -> StartFailure {
      .mount(
        "MountVolume.SetUp failed for volume \"\(volume)\" : hostPath type check failed: \(path) is "
          + "not \(noun)")
    }
    let found = Self.type(of: path)
    switch type {
    // As container runtimes do: a missing path becomes a directory.
    case "": if found == nil { try Self.makeDirectory(path) }
    case "DirectoryOrCreate":
      if found == nil { try Self.makeDirectory(path) }
      if Self.type(of: path) != S_IFDIR { throw failure("a directory") }
    case "FileOrCreate":
      if found == nil {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else {
          throw .mount("cannot create the file \(path): \(String(cString: strerror(errno)))")
        }
        close(file)
      }
      if Self.type(of: path) != S_IFREG { throw failure("a file") }
    case "Directory": if found != S_IFDIR { throw failure("a directory") }
    case "File": if found != S_IFREG { throw failure("a file") }
    case "Socket": if found != S_IFSOCK { throw failure("a socket file") }
    case "CharDevice": if found != S_IFCHR { throw failure("a character device") }
    case "BlockDevice": if found != S_IFBLK { throw failure("a block device") }
    default: throw failure("of a known type: \"\(type)\"")
    }
  }

  /// The directories of an image on the way to these paths.
  static func tree(of imageRoot: String, leadingTo paths: [String]) -> ContainerCommand.Tree {
    var tree: ContainerCommand.Tree = ["/": Self.entries(of: imageRoot + "/")]
    for path in paths {
      var directory = "/"
      for part in path.split(separator: "/").map(String.init) {
        guard tree[directory]?[part] == .directory else { break }
        directory = ContainerCommand.join(directory, part)
        if tree[directory] == nil { tree[directory] = Self.entries(of: imageRoot + directory) }
      }
    }
    return tree
  }

  /// The entries of a directory of an image.
  static func entries(of path: String) -> [String: ContainerCommand.Entry] {
    var entries: [String: ContainerCommand.Entry] = [:]
    for name in Self.names(in: path) {
      var status = stat()
      guard lstat("\(path)/\(name)", &status) == 0 else { continue }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: entries[name] = .directory
      case S_IFLNK: entries[name] = SymbolicLink.target(of: "\(path)/\(name)").map { .link(to: $0) }
      default: entries[name] = .other
      }
    }
    return entries
  }

  /// Those of ``ContainerPrivileges/kernelFiles`` that a container of this image would see.
  static func kernelFiles(ofImage imageRoot: String) -> [String: ContainerCommand.Entry] {
    var files: [String: ContainerCommand.Entry] = [:]
    for path in ContainerPrivileges.kernelFiles {
      guard let type = Self.type(of: path.hasPrefix("/proc/") ? path : imageRoot + path) else {
        continue
      }
      files[path] = type == S_IFDIR ? .directory : .other
    }
    return files
  }

  /// Where the machine's `/etc/resolv.conf` leads, if that is in `/run`.
  static var resolverInRun: String? {
    guard let path = realpath("/etc/resolv.conf", nil) else { return nil }
    defer { free(path) }
    let place = String(cString: path)
    return place.hasPrefix("/run/") ? place : nil
  }

  /// The names in a directory without `.` and `..`; empty when it cannot be read.
  static func names(in path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    return Self.names(in: directory)
  }

  /// Closes the directory.
  static func names(in directory: OpaquePointer) -> [String] {
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Creates directories for root alone beneath one of the kubelet's.
  /// - Parameters:
  ///   - names: from outside; each must be a step of a path.
  ///   - last: the mode of the last one, if it is new.
  /// - Returns: the last one's path.
  static func makeDirectories(
    _ names: [String], in directory: String, last: mode_t = 0o700
  ) throws(StartFailure) -> String {
    var steps: [PathComponent] = []
    for name in names {
      guard let step = PathComponent(name) else {
        let problem = PathComponent.problem(of: name) ?? ""
        throw .configuration(
          "\(JSONValue.string(name)) cannot be the name of a directory: it \(problem)")
      }
      steps.append(step)
    }
    do throws(FileError) {
      _ = try HeldDirectory(directory).making(steps, mode: 0o700, last: last)
    } catch {
      throw .mount("\(directory): \(error)")
    }
    return "\(directory)/\(names.joined(separator: "/"))"
  }

  /// Makes the part of a volume that a container mounts, if it is missing.
  ///
  /// The mount itself opens it once more, beneath the volume. Source: `pkg/volume/util/subpath`.
  static func makeSubPath(_ path: String, in volume: String) throws(FileError) {
    let root = try HeldDirectory(volume)
    do throws(FileError) {
      close(try root.open(path, HeldDirectory.pathOnly))
    } catch {
      guard error.errno == ENOENT, let steps = PathComponent.steps(of: path) else { throw error }
      var status = stat()
      fstat(root.descriptor, &status)
      _ = try root.making(steps, mode: status.st_mode & 0o777)
    }
  }

  /// Removes an entry of a directory with all that is in it.
  static func remove(_ name: PathComponent, in directory: String) {
    (try? HeldDirectory(directory))?.remove(name)
  }

  /// Removes the entries of a directory except some of them.
  static func removeEntries(of directory: String, except kept: (String) -> Bool = { _ in false }) {
    for name in Self.names(in: directory) where !kept(name) {
      if let name = PathComponent(name) { Self.remove(name, in: directory) }
    }
  }

  /// A small file as text; `nil` when it cannot be read.
  static func text(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return Self.rest(of: file).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The rest of an open file, at most so many bytes; `nil` when it cannot be read.
  static func rest(of file: Int32, upTo limit: Int = .max) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < limit {
      var count = 0
      let size = min(65_536, limit - bytes.count)
      bytes += [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
        count = read(file, buffer.baseAddress, size)
        initialized = max(0, count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return count == 0 ? bytes : nil }
    }
    return bytes
  }
}
