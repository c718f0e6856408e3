import KubernetesObjects

/// A container as bubblewrap is to start it, as a value.
///
/// Its root is put together on an empty file system of its own, from what the image has, read-only, and from
/// its volumes; where a volume's place is not in the image, the directory that lacks it is replaced by
/// one of the same content that has it. So nothing is ever created in the image, which is this
/// machine's own root most of the time.
struct ContainerCommand: Equatable {
  struct Mount: Equatable {
    /// On this machine.
    let source: String
    /// In the container; absolute.
    let target: String
    let isReadOnly: Bool
  }

  /// An entry of a directory of the image.
  enum Entry: Equatable {
    case other
    case directory
    case link(to: String)
  }

  /// Directories of the image with their entries, by path: the root, and each that leads to a mount's target.
  typealias Tree = [String: [String: Entry]]

  /// Before the paths of the image's root on this machine; empty for this machine's own.
  var imageRoot = ""
  var tree: Tree
  var mounts: [Mount]
  var hostname: String
  var environment: ContainerEnvironment
  var workingDirectory: String
  /// Never empty.
  var words: [String]

  /// Made anew for each container.
  private static let ownDirectories: Set<String> = ["proc", "dev", "tmp"]

  var arguments: [String] {
    var arguments = ["--unshare-pid", "--as-pid-1", "--unshare-uts", "--hostname", self.hostname]
    arguments += self.bindings(of: "/", except: Self.ownDirectories)
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for directory in self.lacking {
      arguments += ["--tmpfs", directory] + self.bindings(of: directory, except: [])
    }
    for mount in self.mounts.sorted(by: { Self.depth($0.target) < Self.depth($1.target) }) {
      arguments += [mount.isReadOnly ? "--ro-bind" : "--bind", mount.source, mount.target]
    }
    arguments += ["--clearenv"]
    for (name, value) in self.environment.variables { arguments += ["--setenv", name, value] }
    return arguments + ["--chdir", self.workingDirectory, "--"] + self.words
  }

  /// The image's directories in which the place of a mount is missing or a link, the outer ones first.
  private var lacking: [String] {
    var result: Set<String> = []
    for mount in self.mounts {
      var directory = "/"
      for part in mount.target.split(separator: "/").map(String.init) {
        if directory == "/", Self.ownDirectories.contains(part) { break }
        guard let entry = self.tree[directory]?[part] else {
          // On the root itself everything can be made.
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

  /// A link in the place of a mount would lead somewhere else.
  private func isHidden(_ entry: Entry, _ path: String) -> Bool {
    guard case .link = entry else { return false }
    return self.mounts.contains { $0.target == path }
  }

  private static func depth(_ path: String) -> Int { path.split(separator: "/").count }

  static func join(_ directory: String, _ name: String) -> String {
    directory == "/" ? "/\(name)" : "\(directory)/\(name)"
  }
}

/// Why a container could not be started: it is tried again, later and later.
public struct StartFailure: Equatable, Sendable {
  /// What the container's status says it waits for.
  public let waitingReason: String
  /// One word for programs.
  public let event: String
  public let message: String

  /// A volume is not what the manifest says.
  static func mount(_ message: String) -> Self {
    Self(waitingReason: "ContainerCreating", event: "FailedMount", message: message)
  }

  /// The manifest asks for what is not to be had.
  static func configuration(_ message: String) -> Self {
    Self(waitingReason: "CreateContainerConfigError", event: "Failed", message: message)
  }

  /// The command could not be run.
  static func run(_ message: String) -> Self {
    Self(waitingReason: "RunContainerError", event: "Failed", message: message)
  }
}

/// How a container came to its end.
public enum ContainerEnd: Equatable, Sendable {
  /// 128 plus the signal's number when a signal ended it.
  case exited(code: Int32)
  case notStarted(StartFailure)
}

/// What a manifest asks for and no runtime here provides; named once in the log.
enum Unenforced {
  static func fields(of pod: PodManifest) -> [String] {
    var fields: [String] = []
    func isSet(_ value: JSONValue?) -> Bool {
      switch value {
      case nil, .null, .object([:]), .array([]), .boolean(false): false
      default: true
      }
    }
    if pod.spec["hostNetwork"]?.boolean != true { fields.append("spec.hostNetwork=false") }
    if isSet(pod.spec["securityContext"]) { fields.append("spec.securityContext") }
    for list in ["initContainers", "containers"] {
      for (index, container) in (pod.spec[list]?.elements ?? []).enumerated() {
        for field in ["resources", "securityContext", "volumeDevices"]
        where isSet(container[field]) { fields.append("spec.\(list)[\(index)].\(field)") }
        if container["imagePullPolicy"] == "Always" {
          fields.append("spec.\(list)[\(index)].imagePullPolicy")
        }
        for probe in Probe.Kind.allCases where isSet(container[probe.field]?["grpc"]) {
          fields.append("spec.\(list)[\(index)].\(probe.field).grpc")
        }
      }
    }
    return fields
  }
}
