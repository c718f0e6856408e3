import FoundationEssentials

/// What a reader of a container's log wants, as `/containerLogs` is asked for it.
///
/// Source: `k8s.io/api/core/v1/types.go` PodLogOptions, `pkg/kubelet/server/server.go` getContainerLogs.
struct ContainerLogOptions: Equatable, Sendable {
  var follows = false
  var previous = false
  var timestamps = false
  /// At least 0.
  var tailLines: Int?
  /// At least 1.
  var limitBytes: Int?
  /// RFC 3339 in UTC with nine fractional digits: earlier lines are left out.
  var since: String?

  init() {}

  /// `nil` when one of them is not what it has to be; unknown ones are not looked at.
  /// - Parameter now: for `sinceSeconds`.
  init?(query: [(name: String, value: String)], now: WallClock) {
    var sinces = 0
    for (name, value) in query {
      switch name {
      case "follow":
        guard let flag = Self.flag(value) else { return nil }
        self.follows = flag
      case "previous":
        guard let flag = Self.flag(value) else { return nil }
        self.previous = flag
      case "timestamps":
        guard let flag = Self.flag(value) else { return nil }
        self.timestamps = flag
      case "tailLines":
        guard let lines = Int(value), lines >= 0 else { return nil }
        self.tailLines = lines
      // An older name; whatever is no number means all.
      case "tail":
        if self.tailLines == nil { self.tailLines = Int(value).flatMap { $0 < 0 ? nil : $0 } }
      case "limitBytes":
        guard let bytes = Int(value), bytes >= 1 else { return nil }
        self.limitBytes = bytes
      case "sinceSeconds":
        guard let seconds = Int64(value), seconds >= 1 else { return nil }
        self.since = now.nanoseconds(Instant(sinceStart: .seconds(-seconds)))
        sinces += 1
      case "sinceTime":
        guard let date = try? Date(value, strategy: .iso8601) else { return nil }
        let seconds = Int64(date.timeIntervalSince1970)
        self.since = WallClock(secondsAtStart: seconds, nanosecondsAtStart: 0)
          .nanoseconds(Instant(sinceStart: .zero))
        sinces += 1
      default: break
      }
    }
    if sinces > 1 { return nil }
  }

  private static func flag(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "1", "": true
    case "false", "0": false
    default: nil
    }
  }
}

/// Turns the lines of a log file into what a reader gets, as a value.
struct ContainerLogFilter {
  private let options: ContainerLogOptions
  private var rest: [UInt8] = []
  /// Whether the last entry was a part of a line that goes on.
  private var isMidLine = false
  private var left: Int?

  init(_ options: ContainerLogOptions) {
    self.options = options
    self.left = options.limitBytes
  }

  /// Nothing more will be let through.
  var isFull: Bool { self.left == 0 }

  /// What is in the file already, whole: the last lines of it, as many as were asked for.
  mutating func begin(_ bytes: [UInt8]) -> [UInt8] {
    let entries = self.entries(bytes)
    guard let count = self.options.tailLines else { return self.text(entries) }
    var lines = 0
    var start = entries.count
    // A line ends with an entry that is no part.
    while start > 0 {
      if entries[start - 1].isWhole { lines += 1 }
      if lines > count { break }
      start -= 1
    }
    return self.text(Array(entries[start...]))
  }

  /// What has been written since.
  mutating func take(_ bytes: [UInt8]) -> [UInt8] { self.text(self.entries(bytes)) }

  private struct Entry {
    let time: ArraySlice<UInt8>
    let isWhole: Bool
    let text: ArraySlice<UInt8>
  }

  private static let streams = [Array("stdout".utf8), Array("stderr".utf8)]

  private mutating func entries(_ bytes: [UInt8]) -> [Entry] {
    self.rest += bytes
    var entries: [Entry] = []
    var start = self.rest.startIndex
    while let end = self.rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let parts = self.rest[start..<end].split(
        separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
      start = end + 1
      // What is no such line was not written by a runtime.
      guard parts.count == 4, Self.streams.contains(Array(parts[1])) else { continue }
      entries.append(
        Entry(time: parts[0], isWhole: parts[2].first == UInt8(ascii: "F"), text: parts[3]))
    }
    self.rest.removeSubrange(..<start)
    return entries
  }

  private mutating func text(_ entries: [Entry]) -> [UInt8] {
    var text: [UInt8] = []
    let since = self.options.since.map { Array($0.utf8) } ?? []
    for entry in entries where !entry.time.lexicographicallyPrecedes(since) {
      if self.options.timestamps, !self.isMidLine {
        text += entry.time
        text.append(UInt8(ascii: " "))
      }
      text += entry.text
      if entry.isWhole { text.append(UInt8(ascii: "\n")) }
      self.isMidLine = !entry.isWhole
    }
    if let left {
      text = Array(text.prefix(left))
      self.left = left - text.count
    }
    return text
  }
}

/// One run of a container, whose log is asked for.
struct ContainerLogFile: Equatable, Sendable {
  let pod: PodName
  let uid: String
  let container: String
  let attempt: Int

  /// Below the directory of all logs. Source: `pkg/kubelet/kuberuntime/helpers.go` BuildContainerLogsDirectory.
  var path: String {
    "\(self.pod.namespace)_\(self.pod.name)_\(self.uid)/\(self.container)/\(self.attempt).log"
  }
}

/// Why there is no log to be read.
struct ContainerLogRefusal: Error, Equatable {
  /// Of HTTP.
  let status: Int
  let message: String
}

extension PodWorkers {
  /// Which log a reader is to get.
  func log(
    of pod: PodName, container name: String, previous: Bool
  ) throws(ContainerLogRefusal) -> ContainerLogFile {
    guard let manifest = self.running[pod]?.manifest ?? self.waiting[pod] else {
      throw ContainerLogRefusal(status: 404, message: "pod \"\(pod.name)\" does not exist")
    }
    guard manifest.container(named: name) != nil else {
      throw ContainerLogRefusal(
        status: 404, message: "container \"\(name)\" not found in pod \"\(pod.name)\"")
    }
    let container = self.running[pod]?.containers.first { $0.name == name }
    let attempts = container.map(\.attemptsWithLogs)
    let attempt = previous ? attempts?.previous : attempts?.current
    guard let attempt else {
      throw previous
        ? ContainerLogRefusal(
          status: 400,
          message: "previous terminated container \"\(name)\" in pod \"\(pod.name)\" not found")
        : ContainerLogRefusal(
          status: 400,
          message: "container \"\(name)\" in pod \"\(pod.name)\" is waiting to start: "
            + (container?.startFailure?.waitingReason
              ?? (manifest.initContainers.isEmpty ? "ContainerCreating" : "PodInitializing")))
    }
    return ContainerLogFile(pod: pod, uid: manifest.uid, container: name, attempt: attempt)
  }

  /// Whether more may be written to a log.
  func isRunning(_ log: ContainerLogFile) -> Bool {
    guard let pod = self.running[log.pod], pod.manifest.uid == log.uid else { return false }
    return pod.containers.contains {
      $0.name == log.container && $0.restartCount == log.attempt && $0.isAlive
    }
  }
}

extension PodLifecycle.Container {
  /// The run that a reader gets, and the one before it.
  fileprivate var attemptsWithLogs: (current: Int?, previous: Int?) {
    switch self.state {
    case .running: (self.restartCount, self.lastTermination?.attempt)
    case .new, .creating, .backingOff:
      (self.lastTermination?.attempt, self.lastTermination?.attempt)
    case .ended:
      (
        self.lastTermination?.attempt,
        self.lastTermination.flatMap { $0.attempt > 0 ? $0.attempt - 1 : nil }
      )
    }
  }
}
