import Yams

/// A YAML file whose keys are the names of flags. Each error names the line.
package enum ConfigurationFile {
  /// The root node; `nil` for an empty file.
  /// - Throws: ``SettingsError`` when the text is not YAML.
  package static func root(of text: String, in file: String) throws(SettingsError) -> Node? {
    do {
      let root = try Yams.compose(yaml: text)
      return root?.null == nil ? root : nil
    } catch {
      throw SettingsError(place: file, problem: "not YAML: \(error)")
    }
  }

  /// Turns a mapping into arguments of the command line.
  /// - Parameters:
  ///   - flags: the names that are allowed, without leading hyphens.
  ///   - example: a line of a correct file, for errors.
  ///   - other: handles a key that is no flag; returns `nil` for an unknown one.
  package static func settings(
    in node: Node, of file: String, flags: Set<String>, example: String,
    other: (_ key: Node, _ value: Node) throws(SettingsError) -> [Setting]? = {
      _, _ throws(SettingsError) in nil
    }
  ) throws(SettingsError) -> [Setting] {
    guard case .mapping(let mapping) = node else {
      throw Self.mistake("write settings like `\(example)`", at: node, in: file)
    }
    var settings: [Setting] = []
    for (key, value) in mapping {
      if let others = try other(key, value) {
        settings += others
        continue
      }
      let name = key.string ?? ""
      guard flags.contains(name) else {
        let known = flags.sorted().joined(separator: ", ")
        throw Self.mistake(
          "unknown setting \"\(name)\"; the settings are: \(known)", at: key, in: file)
      }
      guard case .scalar(let scalar) = value else {
        throw Self.mistake(
          "\(name) takes one value; separate several with commas", at: value, in: file)
      }
      settings.append(
        Setting(argument: "--\(name)=\(scalar.string)", origin: Self.place(of: key, in: file)))
    }
    return settings
  }

  package static func mistake(
    _ problem: String, at node: Node, in file: String
  ) -> SettingsError {
    SettingsError(place: Self.place(of: node, in: file), problem: problem)
  }

  /// `FILE:LINE`.
  package static func place(of node: Node, in file: String) -> String {
    node.mark.map { "\(file):\($0.line)" } ?? file
  }
}

/// One flag that is set outside of the command line.
package struct Setting: Equatable, Sendable {
  /// As on the command line: `--data-dir=/var/lib/kvstore`.
  package let argument: String
  /// `the environment's ETCD_NAME`, or `kvstore.yaml:3`.
  package let origin: String

  package init(argument: String, origin: String) {
    self.argument = argument
    self.origin = origin
  }
}

/// A mistake in a configuration file.
package struct SettingsError: Error, Equatable, CustomStringConvertible {
  /// The file, with the line if it is known.
  package let place: String
  package let problem: String

  package init(place: String, problem: String) {
    self.place = place
    self.problem = problem
  }

  package var description: String { "\(self.place): \(self.problem)" }
}
