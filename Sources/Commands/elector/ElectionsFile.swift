import ArgumentParser
import CommandLine
import Elector
import FoundationEssentials
import Yams

/// The file of `--config`: the settings of several elections, and those that they share.
///
/// ```yaml
/// etcd-servers: http://10.0.0.1:2379
/// elections:
/// - key: scheduler
///   source-file: /srv/kubernetes/kube-scheduler.yaml
///   dest-file: /etc/kubernetes/manifests/kube-scheduler.yaml
/// ```
///
/// All settings become arguments of a command line, so that a file has the same names and values as flags.
/// An election's own setting overrides a shared one, and the command line overrides both.
struct ElectionsFile {
  private struct Election {
    var settings: [Setting]
    var place: String
  }

  /// The flags of one election, which two never share.
  static let ownFlags: Set = ["key", "source-file", "dest-file"]
  /// The other flags of an election: at the top for all of them, or in each.
  static let electionFlags = ElectionOptions.flagNames.subtracting(Self.ownFlags)
  /// The flags of the process, which stand at the top.
  static let processFlags = ElectorCommand.flagNames.subtracting(ElectionOptions.flagNames)
    .subtracting(["config"])

  private var shared: [Setting] = []
  private var elections: [Election] = []
  private let name: String

  /// - Throws: ``SettingsError`` with file and line.
  init(_ path: String) throws(SettingsError) {
    try self.init(Self.text(of: path), name: path)
  }

  /// - Throws: ``SettingsError`` when it cannot be read.
  static func text(of path: String) throws(SettingsError) -> String {
    do {
      return try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw SettingsError(
        place: path, problem: "cannot read it: \((error as? CocoaError)?.reason ?? "\(error)")")
    }
  }

  init(_ text: String, name: String) throws(SettingsError) {
    self.name = name
    guard let root = try ConfigurationFile.root(of: text, in: name) else {
      throw SettingsError(place: name, problem: "the file is empty")
    }
    var elections: [Election] = []
    self.shared = try ConfigurationFile.settings(
      in: root, of: name, flags: Self.processFlags.union(Self.electionFlags),
      example: "etcd-servers: http://127.0.0.1:2379"
    ) { key, value throws(SettingsError) in
      func mistake(_ problem: String) -> SettingsError {
        ConfigurationFile.mistake(problem, at: key, in: name)
      }
      if let flag = key.string, Self.ownFlags.contains(flag) {
        throw mistake("\(flag) belongs to one election: put it below `elections`")
      }
      if key.string == "guard" { throw mistake(ElectorCommand.guardIsGone) }
      guard key.string == "elections" else { return nil }
      guard case .sequence(let nodes) = value, !nodes.isEmpty else {
        throw mistake("elections must be a list: begin each one with `- key: NAME`")
      }
      for node in nodes {
        elections.append(
          Election(
            settings: try Self.own(node, in: name),
            place: ConfigurationFile.place(of: node, in: name)))
      }
      return []
    }
    guard !elections.isEmpty else {
      throw SettingsError(place: name, problem: "`elections` is missing")
    }
    self.elections = elections
  }

  private static func own(_ node: Node, in file: String) throws(SettingsError) -> [Setting] {
    try ConfigurationFile.settings(
      in: node, of: file, flags: Self.electionFlags.union(Self.ownFlags), example: "key: scheduler"
    ) { key, _ throws(SettingsError) in
      guard let flag = key.string, Self.processFlags.contains(flag) else { return nil }
      throw ConfigurationFile.mistake(
        "\(flag) belongs to all elections: put it beside `elections`", at: key, in: file)
    }
  }

  /// One command for each election; all have the same flags of the process.
  /// - Parameter arguments: the command line.
  /// - Throws: ``SettingsError`` for a mistake in the file, the parser's error for one in the command line.
  func commands(beside arguments: [String]) throws -> [ElectorCommand] {
    let given = Set(arguments.map { Self.flag(of: $0) })
    for flag in Self.ownFlags.sorted() where given.contains("--\(flag)") {
      throw ValidationError("--\(flag) belongs to one election: set it in \(self.name)")
    }
    let commands = try self.elections.map { election in
      let settings = self.shared + election.settings
      do {
        return try ElectorCommand.parse(settings.map(\.argument) + arguments)
      } catch {
        guard ElectorCommand.exitCode(for: error) != .success else { throw error }
        let message = ElectorCommand.message(for: error)
        let culprit = settings.last { Self.names($0.flag, message) }
        // A mistake in the command line.
        if arguments.contains(where: { Self.names(Self.flag(of: $0), message) }) { throw error }
        throw SettingsError(place: culprit?.origin ?? election.place, problem: message)
      }
    }
    try self.refuseDuplicates("key", commands.map { $0.election.key.split(separator: "/") })
    try self.refuseDuplicates("dest-file", commands.map(\.election.standardizedDestination))
    return commands
  }

  /// The destinations of all manifests.
  var destinations: [String] { self.values(of: "dest-file") }
  /// Their sources.
  var sources: [String] { self.values(of: "source-file") }

  private func values(of flag: String) -> [String] {
    self.elections.flatMap(\.settings).filter { $0.flag == "--\(flag)" }
      .map { String($0.argument.dropFirst("--\(flag)=".count)) }
  }

  private func refuseDuplicates(
    _ flag: String, _ values: [some Equatable]
  ) throws(SettingsError) {
    for (index, value) in values.enumerated() {
      guard let first = values[..<index].firstIndex(of: value) else { continue }
      func place(_ index: Int) -> String {
        let election = self.elections[index]
        return election.settings.last { $0.flag == "--\(flag)" }?.origin ?? election.place
      }
      throw SettingsError(
        place: place(index),
        problem: "another election has this \(flag), at \(place(first))")
    }
  }

  fileprivate static func flag(of argument: String) -> String {
    String(argument.prefix { $0 != "=" })
  }

  /// Whether a message names this flag, and not one with a longer name.
  private static func names(_ flag: String, _ message: String) -> Bool {
    guard flag.hasPrefix("--") else { return false }
    return message.ranges(of: flag).contains { range in
      let next = message[range.upperBound...].first
      return next.map { $0 != "-" && !$0.isLetter } ?? true
    }
  }
}

extension Setting {
  fileprivate var flag: String { ElectionsFile.flag(of: self.argument) }
}

extension CocoaError {
  fileprivate var reason: String {
    switch self.code {
    case .fileReadNoSuchFile: "the file does not exist"
    case .fileReadNoPermission: "permission denied"
    default: self.localizedDescription
    }
  }
}
