import Glibc
import KubernetesObjects
import Linux

/// What a container leaves at its `terminationMessagePath`: a file of the kubelet's that is mounted there. All
/// functions block.
///
/// Source: `pkg/kubelet/kuberuntime/kuberuntime_container.go` getTerminationMessage, readLastStringFromContainerLogs.
struct TerminationMessage {
  private static let mostBytes = 4096
  private static let mostLogBytes = 2048
  private static let mostLogLines = 80

  /// In the container.
  private let place: String
  /// The directory of the container's messages on this machine, and the file in it.
  private let directory: [String]
  private let file: String
  private let pods: String
  /// The log that stands in for an empty file after a failure; `nil` for none.
  private let log: String?

  /// - Returns: `nil` for a container without a path.
  init?(
    of id: ContainerID, in pod: PodManifest, _ configuration: ProcessRuntime.Configuration
  ) {
    guard let container = pod.spec(ofContainer: id.container),
      let place = container["terminationMessagePath"]?.string, !place.isEmpty
    else { return nil }
    self.place = place
    self.directory = [pod.uid, "messages", id.container]
    self.file = "\(id.attempt)"
    self.pods = configuration.podsDirectory
    let log = ContainerLogFile(
      pod: pod.name, uid: pod.uid, container: id.container, attempt: id.attempt)
    self.log =
      container["terminationMessagePolicy"] == "FallbackToLogsOnError"
      ? log.path.map { "\(configuration.podLogsDirectory)/\($0)" } : nil
  }

  /// Makes the file, for all users of the container.
  func make() throws(StartFailure) -> ContainerCommand.Mount {
    let path = "\(try HostFiles.makeDirectories(self.directory, in: self.pods))/\(self.file)"
    unlink(path)
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw .mount("cannot create the file \(path): \(String(cString: strerror(errno)))")
    }
    defer { close(file) }
    fchmod(file, 0o666)
    return ContainerCommand.Mount(hostPath: path, target: self.place, isReadOnly: false)
  }

  /// Reads the message, and removes the file.
  func take(code: Int32) -> String {
    let path = ([self.pods] + self.directory + [self.file]).joined(separator: "/")
    let bytes = Self.end(of: path, bytes: Self.mostBytes)
    unlink(path)
    if bytes.isEmpty, code != 0, let log { return Self.lastLines(Self.end(of: log, bytes: 65_536)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The texts of a log's last lines.
  static func lastLines(_ log: [UInt8]) -> String {
    var text: [UInt8] = []
    for line in log.split(separator: UInt8(ascii: "\n")).suffix(Self.mostLogLines) {
      // Time, stream, and F for a line's end.
      let parts = line.split(
        separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
      guard parts.count == 4 else { continue }
      text += parts[3]
      if parts[2] == [UInt8(ascii: "F")] { text.append(UInt8(ascii: "\n")) }
    }
    return String(decoding: text.suffix(Self.mostLogBytes), as: UTF8.self)
  }

  /// The last bytes of a file; empty when it cannot be read.
  private static func end(of path: String, bytes: Int) -> [UInt8] {
    let file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    let size = lseek(file, 0, SEEK_END)
    lseek(file, max(0, size - bytes), SEEK_SET)
    return HostFiles.rest(of: file, upTo: bytes) ?? []
  }
}
