/// The settings of an etcd program from the environment and a file, as arguments of the command line.
///
/// Each flag is declared once and works in all three places. A flag overrides the environment, which
/// overrides the file.
///
/// Source: etcd's `pkg/flags` (`SetFlagsFromEnv`) and `embed.ConfigFromFile`. In etcd a file replaces all
/// flags and variables, and a flag beside its variable is an error.
package struct Settings: Equatable, Sendable {
  /// In ascending priority: of two settings of one flag the later one counts.
  package var entries: [Setting] = []
  package var warnings: [String] = []

  /// etcd's key above the paths of certificates; here they may also stand beside it.
  private static let section = "client-transport-security"
  /// The same for peers. A program without peers allows it like a flag.
  package static let peerSection = "peer-transport-security"
  /// The keys of etcd that have a list in a file.
  private static let lists: Set = ["cipher-suites", "log-outputs"]

  /// - Parameters:
  ///   - flags: the names that are allowed, without leading hyphens.
  ///   - environment: all variables; only those with the prefix `ETCD_` count.
  ///   - file: the file's name, for errors, and its text.
  package init(
    flags: Set<String>, environment: [String: String], file: (name: String, text: String)? = nil
  ) throws(SettingsError) {
    if let file {
      // A key without a value is one that is not set, as in etcd's sample of a file.
      self.entries = try Self.entries(of: file.text, in: file.name, flags: flags)
        .filter { !$0.argument.hasSuffix("=") || $0.argument.hasPrefix("--\(Self.peerSection)") }
    }
    for (name, value) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix("ETCD_") && !value.isEmpty {
      let flag = name.dropFirst("ETCD_".count).lowercased().replacing("_", with: "-")
      if flag == Self.fileFlag { continue }
      if flags.contains(flag) {
        self.entries.append(
          Setting(argument: "--\(flag)=\(value)", origin: "the environment's \(name)"))
      } else {
        self.warnings.append("Unrecognized environment variable \(name)")
      }
    }
  }

  /// The flag that names the file; also a variable.
  package static let fileFlag = "config-file"

  /// The file that the command line names, else the environment.
  /// - Parameter arguments: without the program's name; the last flag counts.
  package static func file(
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
  ) throws(SettingsError) -> [Setting] {
    guard let root = try ConfigurationFile.root(of: text, in: file) else { return [] }
    let example = "data-dir: /var/lib/kvstore"
    return try ConfigurationFile.settings(in: root, of: file, flags: flags, example: example) {
      key, value throws(SettingsError) in
      if key.string == self.peerSection, flags.contains(self.peerSection) {
        let place = ConfigurationFile.place(of: key, in: file)
        return [Setting(argument: "--\(self.peerSection)=", origin: place)]
      }
      if let name = key.string, self.lists.contains(name), flags.contains(name),
        let values = value.sequence
      {
        let text = values.compactMap(\.string).joined(separator: ",")
        let place = ConfigurationFile.place(of: key, in: file)
        return [Setting(argument: "--\(name)=\(text)", origin: place)]
      }
      guard key.string == self.section else { return nil }
      return try ConfigurationFile.settings(in: value, of: file, flags: flags, example: example)
    }
  }
}
