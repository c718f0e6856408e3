import ContainerShim
import KubernetesObjects

/// bubblewrap's command line for a container, as a value.
///
/// The container's root is an empty file system with the image's entries, mounted read-only, and the volumes.
/// A directory of the image that lacks a mount point is replaced by a new one with the same entries. So
/// nothing is created in the image, which usually is the machine's own root.
struct ContainerCommand: Equatable {
  struct Mount: Equatable {
    /// The volume, on this machine.
    let hostPath: String
    /// The part of the volume; empty for all of it.
    var subPath = ""
    /// In the container; absolute, and a ``ContainerPath/place(of:entries:)``.
    let target: String
    let isReadOnly: Bool
  }

  /// An entry of a directory of the image.
  enum Entry: Equatable {
    case other
    case directory
    case link(to: String)
  }

  /// Directories of the image with their entries, by path: the root, and each on the way to a mount's target.
  typealias Tree = [String: [String: Entry]]

  /// The prefix of the image's paths on this machine; empty for the machine's own root.
  var imageRoot = ""
  var tree: Tree
  var mounts: [Mount]
  var hostname: String
  var environment: ContainerEnvironment
  var workingDirectory: String
  /// Never empty.
  var words: [String]
  /// The shim's directory, with what it has put together for us.
  var shimDirectory = ""
  var privileges = ContainerPrivileges()
  /// The machine's `/dev`, for a privileged container. Its entries are bound one by one: a mount in all of it would
  /// make its place on the machine.
  var devices: [String: Entry] = [:]
  /// Those of ``ContainerPrivileges/kernelFiles`` that the container would see.
  var kernelFiles: [String: Entry] = [:]
  /// A file in the machine's `/run` to which the image's `/etc/resolv.conf` leads.
  var resolver: String?
  /// Whether the container shares the machine's shared memory and message queues.
  var sharesIPC = false

  /// Directories that each container gets anew.
  ///
  /// In the machine's `/run` are the sockets of its services, which do what root asks.
  private static let ownDirectories: Set<String> = ["proc", "dev", "tmp", "run"]

  /// Whether the image's directory is replaced by one of these.
  static func isOwn(_ directory: String) -> Bool {
    ContainerPath.steps(directory).first.map(Self.ownDirectories.contains) ?? false
  }

  /// Without ``words``. They go into a file, since anybody can read an argument list, and in the environment may
  /// be what is not for anybody.
  var arguments: [String] {
    var arguments = ["--unshare-pid", "--as-pid-1", "--unshare-uts", "--hostname", self.hostname]
    if !self.sharesIPC { arguments += ["--unshare-ipc"] }
    arguments += self.privileges.capabilities
    arguments += self.bindings(of: "/", except: Self.ownDirectories)
    arguments +=
      ["--proc", "/proc"] + self.deviceArguments + ["--tmpfs", "/tmp", "--tmpfs", "/run"]
    if self.privileges.isPrivileged, self.tree["/"]?["sys"] != nil {
      arguments += ["--bind", self.imageRoot + "/sys", "/sys"]
    }
    if let resolver { arguments += ["--ro-bind", resolver, resolver] }
    for directory in self.incomplete {
      arguments += ["--tmpfs", directory] + self.bindings(of: directory, except: [])
    }
    arguments += self.privileges.arguments(of: self.kernelFiles)
    var index = 0
    for group in self.groups {
      let mount = group.outermost
      if group.isStaged {
        let stage = StagedMount.path(index, in: self.shimDirectory)
        arguments += ["--bind", stage, mount.target]
        index += 1 + group.inner.count
      } else {
        arguments += [mount.isReadOnly ? "--ro-bind" : "--bind", mount.hostPath, mount.target]
      }
    }
    arguments += ["--clearenv"]
    for (name, value) in self.environment.variables { arguments += ["--setenv", name, value] }
    return arguments + ["--chdir", self.workingDirectory]
  }

  private var deviceArguments: [String] {
    guard self.privileges.isPrivileged else { return ["--dev", "/dev"] }
    let devices = self.devices.sorted { $0.key < $1.key }
      .filter { !self.isHidden($0.value, "/dev/\($0.key)") }
      .flatMap { name, entry in
        if case .link(let target) = entry { return ["--symlink", target, "/dev/\(name)"] }
        return ["--dev-bind", "/dev/\(name)", "/dev/\(name)"]
      }
    return ["--tmpfs", "/dev"] + devices + (self.sharesIPC ? [] : ["--tmpfs", "/dev/shm"])
  }

  /// What the shim puts together, in the order in which ``arguments`` names it.
  var staged: [StagedMount] {
    var staged: [StagedMount] = []
    for group in self.groups where group.isStaged {
      let index = staged.count
      for (mount, place) in [(group.outermost, nil)] + group.inner.map({ ($0.mount, $0.place) }) {
        staged.append(
          StagedMount(
            source: mount.hostPath, subPath: mount.subPath, isReadOnly: mount.isReadOnly,
            outer: place.map { .init(index: index, place: $0) }))
      }
    }
    return staged
  }

  /// A mount with those inside of it.
  private struct Group {
    let outermost: Mount
    /// The outer ones first.
    var inner: [(mount: Mount, place: String)] = []

    /// Whether bubblewrap would follow links that a container may have put into a volume.
    var isStaged: Bool { !self.inner.isEmpty || !self.outermost.subPath.isEmpty }
  }

  private var groups: [Group] {
    var groups: [Group] = []
    for mount in self.mounts.sorted(by: { Self.depth($0.target) < Self.depth($1.target) }) {
      let place = groups.indices.lazy.compactMap { index in
        ContainerPath.rest(of: mount.target, beneath: groups[index].outermost.target)
          .map { (index, $0) }
      }.first
      if let (index, rest) = place {
        groups[index].inner.append((mount, rest))
      } else {
        groups.append(Group(outermost: mount))
      }
    }
    return groups
  }

  /// The image's directories in which a mount point is missing or is a link, the outer ones first.
  private var incomplete: [String] {
    var result: Set<String> = []
    for mount in self.mounts {
      var directory = "/"
      for part in mount.target.split(separator: "/").map(String.init) {
        if directory == "/", Self.ownDirectories.contains(part) { break }
        guard let entry = self.tree[directory]?[part] else {
          // The root itself is a new file system.
          if directory != "/" { result.insert(directory) }
          break
        }
        let path = Self.join(directory, part)
        if self.isHidden(entry, path), directory != "/" { result.insert(directory) }
        guard entry == .directory else { break }
        directory = path
      }
    }
    return result.sorted { (Self.depth($0), $0) < (Self.depth($1), $1) }
  }

  private func bindings(of directory: String, except omitted: Set<String>) -> [String] {
    (self.tree[directory] ?? [:]).sorted { $0.key < $1.key }
      .filter {
        !omitted.contains($0.key) && !self.isHidden($0.value, Self.join(directory, $0.key))
      }
      .flatMap { name, entry in
        let path = Self.join(directory, name)
        return switch entry {
        case .link(let target): ["--symlink", target, path]
        case .directory, .other: ["--ro-bind", self.imageRoot + path, path]
        }
      }
  }

  /// A link at a mount point would redirect the mount.
  private func isHidden(_ entry: Entry, _ path: String) -> Bool {
    guard case .link = entry else { return false }
    return self.mounts.contains { $0.target == path }
  }

  private static func depth(_ path: String) -> Int { path.split(separator: "/").count }

  static func join(_ directory: String, _ name: String) -> String {
    directory == "/" ? "/\(name)" : "\(directory)/\(name)"
  }
}
