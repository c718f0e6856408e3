import ArgumentParser
import CommandLine
import Elector
import FoundationEssentials
import Yams

/// What `--config` names: the settings of several elections, and those that they share.
///
/// ```yaml
/// etcd-servers: http://10.0.0.1:2379
/// elections:
/// - key: scheduler
///   source-file: /srv/kubernetes/kube-scheduler.yaml
///   dest-file: /etc/kubernetes/manifests/kube-scheduler.yaml
/// ```
///
/// Everything is put into the command line's spelling and parsed as one, so that file and flags know the
/// same names and values. Of two that say different things the election's own counts more than what it
/// shares, and the command line most.
struct ElectionsFile {
  private struct Election {
    var entries: [Settings.Entry]
    var place: String
  }

  /// What concerns the process, and stands at the top.
  static let processFlags: Set = [
    "etcd-servers", "etcd-api", "etcd-cafile", "etcd-certfile", "etcd-keyfile", "etcd-username",
    "etcd-password-file", "apiserver", "apiserver-cafile", "apiserver-certfile",
    "apiserver-keyfile",
    "apiserver-token-file", "guard", "http-listen", "log-format", "v",
  ]
  /// What no two elections share.
  static let ownFlags: Set = ["key", "source-file", "dest-file"]
  /// What can stand at the top for all of them, or in each.
  static let electionFlags: Set = [
    "annotate", "kubelet", "kubelet-cafile", "kubelet-certfile", "kubelet-detection",
    "kubelet-insecure-tls", "kubelet-keyfile", "lease-name", "manifest-deadline", "max-restarts",
    "preemption-delay", "priority", "profile", "source-missing",
    "sleep",
    "start-deadline", "token-env", "ttl-secs", "whoami",
  ]

  private var shared: [Settings.Entry] = []
  private var elections: [Election] = []
  private let name: String

  /// - Throws: what is wrong, with file and line.
  init(_ path: String) throws(SettingsError) {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw SettingsError(
        place: path, problem: "cannot read it: \((error as? CocoaError)?.reason ?? "\(error)")")
    }
    try self.init(text, name: path)
  }

  init(_ text: String, name: String) throws(SettingsError) {
    self.name = name
    guard let root = try FlagFile.root(of: text, in: name) else {
      throw SettingsError(place: name, problem: "there is nothing in it")
    }
    var elections: [Election] = []
    self.shared = try FlagFile.entries(
      of: root, in: name, flags: Self.processFlags.union(Self.electionFlags),
      example: "etcd-servers: http://127.0.0.1:2379"
    ) { key, value throws(SettingsError) in
      let place = FlagFile.place(of: key, in: name)
      if let flag = key.string, Self.ownFlags.contains(flag) {
        throw SettingsError(
          place: place, problem: "\(flag) is one election's own: put it below `elections`")
      }
      guard key.string == "elections" else { return nil }
      guard case .sequence(let nodes) = value, !nodes.isEmpty else {
        throw SettingsError(
          place: place, problem: "elections is a list: begin each one with `- key: NAME`")
      }
      for node in nodes {
        elections.append(
          Election(
            entries: try Self.own(node, in: name), place: FlagFile.place(of: node, in: name)))
      }
      return []
    }
    guard !elections.isEmpty else {
      throw SettingsError(place: name, problem: "there is no `elections` in it")
    }
    self.elections = elections
  }

  private static func own(_ node: Node, in file: String) throws(SettingsError) -> [Settings.Entry] {
    try FlagFile.entries(
      of: node, in: file, flags: Self.electionFlags.union(Self.ownFlags), example: "key: scheduler"
    ) { key, _ throws(SettingsError) in
      guard let flag = key.string, Self.processFlags.contains(flag) else { return nil }
      throw SettingsError(
        place: FlagFile.place(of: key, in: file),
        problem: "\(flag) is for all elections: put it beside `elections`")
    }
  }

  /// One command for each election, which differ in no flag of the process.
  /// - Parameter arguments: the command line.
  /// - Throws: ``SettingsError`` for what the file has wrong, else what the parser throws.
  func commands(beside arguments: [String]) throws -> [ElectorCommand] {
    for flag in Self.ownFlags.sorted() where arguments.contains(where: { Self.sets(flag, $0) }) {
      throw ValidationError("--\(flag) is one election's own: it stands in \(self.name)")
    }
    let commands = try self.elections.map { election in
      let entries = self.shared + election.entries
      do {
        return try ElectorCommand.parse(entries.map(\.argument) + arguments)
      } catch {
        guard ElectorCommand.exitCode(for: error) != .success else { throw error }
        let message = ElectorCommand.message(for: error)
        let culprit = entries.last { Self.names($0.flag, message) }
        // The command line's own mistakes are not the file's.
        if arguments.contains(where: { Self.names(Self.flag(of: $0), message) }) { throw error }
        throw SettingsError(place: culprit?.origin ?? election.place, problem: message)
      }
    }
    try self.refuseTwice("key", commands.map { $0.election.key.split(separator: "/") })
    try self.refuseTwice("dest-file", commands.map(\.election.place))
    return commands
  }

  /// All manifests' places; for who does not need the rest.
  var destinations: [String] {
    self.elections.flatMap(\.entries).filter { $0.flag == "--dest-file" }
      .map { String($0.argument.dropFirst("--dest-file=".count)) }
  }

  private func refuseTwice(
    _ flag: String, _ values: [some Equatable]
  ) throws(SettingsError) {
    for (index, value) in values.enumerated() {
      guard let first = values[..<index].firstIndex(of: value) else { continue }
      func place(_ index: Int) -> String {
        let election = self.elections[index]
        return election.entries.last { $0.flag == "--\(flag)" }?.origin ?? election.place
      }
      throw SettingsError(
        place: place(index),
        problem: "this \(flag) is that of another election, at \(place(first))")
    }
  }

  private static func sets(_ flag: String, _ argument: String) -> Bool {
    Self.flag(of: argument) == "--\(flag)"
  }

  fileprivate static func flag(of argument: String) -> String {
    String(argument.prefix { $0 != "=" })
  }

  /// Whether a message speaks of this flag, and not of one with a longer name.
  private static func names(_ flag: String, _ message: String) -> Bool {
    guard flag.hasPrefix("--") else { return false }
    return message.ranges(of: flag).contains { range in
      let next = message[range.upperBound...].first
      return next.map { $0 != "-" && !$0.isLetter } ?? true
    }
  }
}

extension Settings.Entry {
  fileprivate var flag: String { ElectionsFile.flag(of: self.argument) }
}

extension CocoaError {
  fileprivate var reason: String {
    switch self.code {
    case .fileReadNoSuchFile: "there is no such file"
    case .fileReadNoPermission: "permission denied"
    default: self.localizedDescription
    }
  }
}
