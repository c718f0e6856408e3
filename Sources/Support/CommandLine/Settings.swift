import Yams

/// Where etcd's programs take their settings from besides the command line: the environment and a file.
///
/// What is found is put into the command line's own spelling, `--data-dir=/var/lib/kvstore`, so that a
/// flag that is declared once is known in all three places.
///
/// Source: etcd's `pkg/flags` (`SetFlagsFromEnv`) and `embed.ConfigFromFile`. Unlike etcd, where a file
/// makes everything else ignored and a flag beside its variable is an error, a flag goes before the
/// environment, and that before the file.
public struct Settings: Equatable, Sendable {
  /// One setting, and where it stands.
  public struct Entry: Equatable, Sendable {
    /// As the command line has it.
    public let argument: String
    /// `the environment's ETCD_NAME`, or `kvstore.yaml:3`.
    public let origin: String

    public init(argument: String, origin: String) {
      self.argument = argument
      self.origin = origin
    }
  }

  /// The least important first: of two that say different things the later one counts.
  public internal(set) var entries: [Entry] = []
  /// What is worth a warning.
  public internal(set) var warnings: [String] = []

  /// etcd keeps the paths of certificates below this key; here they may stand there, or beside it.
  private static let section = "client-transport-security"

  /// - Parameters:
  ///   - flags: the names of the flags that can be set so, without hyphens in front.
  ///   - environment: all variables; those that begin with `ETCD_` are looked at.
  ///   - file: the file's name, for messages, and its text.
  /// - Throws: ``SettingsError`` for what the file has wrong.
  public init(
    flags: Set<String>, environment: [String: String], file: (name: String, text: String)? = nil
  ) throws(SettingsError) {
    if let file { self.entries = try Self.entries(of: file.text, in: file.name, flags: flags) }
    for (name, value) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix("ETCD_") && !value.isEmpty {
      let flag = name.dropFirst("ETCD_".count).lowercased().replacing("_", with: "-")
      if flag == Self.fileFlag { continue }
      if flags.contains(flag) {
        self.entries.append(
          Entry(argument: "--\(flag)=\(value)", origin: "the environment's \(name)"))
      } else {
        self.warnings.append("Unrecognized environment variable \(name)")
      }
    }
  }

  /// The flag, or variable, that names the file.
  public static let fileFlag = "config-file"

  /// The file that is named by a command line, or else by the environment.
  /// - Parameter arguments: without the program's name; the last one that names a file counts.
  public static func file(
    arguments: [String], environment: [String: String]
  ) -> String? {
    let names = ["--config", "--\(self.fileFlag)"]
    var file = environment["ETCD_CONFIG_FILE"].flatMap { $0.isEmpty ? nil : $0 }
    for (position, argument) in arguments.enumerated() {
      if argument == "--" { break }
      for name in names {
        if argument == name, position + 1 < arguments.count { file = arguments[position + 1] }
        if argument.hasPrefix(name + "=") { file = String(argument.dropFirst(name.count + 1)) }
      }
    }
    return file
  }

  private static func entries(
    of text: String, in file: String, flags: Set<String>
  ) throws(SettingsError) -> [Entry] {
    guard let root = try FlagFile.root(of: text, in: file) else { return [] }
    let example = "data-dir: /var/lib/kvstore"
    return try FlagFile.entries(of: root, in: file, flags: flags, example: example) {
      key, value throws(SettingsError) in
      guard key.string == self.section else { return nil }
      return try FlagFile.entries(of: value, in: file, flags: flags, example: example)
    }
  }
}

/// What a settings file has wrong.
public struct SettingsError: Error, Equatable, CustomStringConvertible {
  /// The file, with the line where there is one.
  public let place: String
  public let problem: String

  public init(place: String, problem: String) {
    self.place = place
    self.problem = problem
  }

  public var description: String { "\(self.place): \(self.problem)" }
}
