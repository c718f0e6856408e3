import Yams

/// A YAML file that sets flags: their names are its keys, and each error names the line.
public enum FlagFile {
  /// What the file holds; `nil` when that is nothing.
  /// - Throws: ``SettingsError`` when it is no YAML.
  public static func root(of text: String, in file: String) throws(SettingsError) -> Node? {
    do {
      let root = try Yams.compose(yaml: text)
      return root?.null == nil ? root : nil
    } catch {
      throw SettingsError(place: file, problem: "it is no YAML: \(error)")
    }
  }

  /// Puts a mapping into the command line's spelling.
  /// - Parameters:
  ///   - flags: the names that can be set here, without hyphens in front.
  ///   - example: for one who did not write a mapping.
  ///   - other: is shown what is no flag's name; `nil` when it does not know it, either.
  public static func entries(
    of node: Node, in file: String, flags: Set<String>, example: String,
    other: (_ key: Node, _ value: Node) throws(SettingsError) -> [Settings.Entry]? = {
      _, _ throws(SettingsError) in nil
    }
  ) throws(SettingsError) -> [Settings.Entry] {
    guard case .mapping(let mapping) = node else {
      throw SettingsError(
        place: Self.place(of: node, in: file), problem: "write settings like `\(example)`")
    }
    var entries: [Settings.Entry] = []
    for (key, value) in mapping {
      if let others = try other(key, value) {
        entries += others
        continue
      }
      let name = key.string ?? ""
      guard flags.contains(name) else {
        throw SettingsError(
          place: Self.place(of: key, in: file),
          problem: "there is no setting \"\(name)\"; those there are: "
            + flags.sorted().joined(separator: ", "))
      }
      guard case .scalar(let scalar) = value else {
        throw SettingsError(
          place: Self.place(of: value, in: file),
          problem: "\(name) takes one value, several are one with commas")
      }
      entries.append(
        Settings.Entry(
          argument: "--\(name)=\(scalar.string)", origin: Self.place(of: key, in: file)))
    }
    return entries
  }

  /// `FILE:LINE`.
  public static func place(of node: Node, in file: String) -> String {
    node.mark.map { "\(file):\($0.line)" } ?? file
  }
}
