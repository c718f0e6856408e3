/// Go structures by name, read from declarations like Go's own: `KeyToPath { Key, Path string; Mode *int32 }`.
///
/// - Names without a package are those of `core`. A type that is not declared is a kind of string.
/// - A field without a name is an embedded structure.
/// - `since=19` and `until=22` say which kubelet releases have a field, as minor versions of 1.x.
/// - `key=image` is the field's name in JSON where that is not Go's name in lower case; `key=-` is a
///   field that is not read.
package struct GoDeclarations: Sendable {
  private typealias Field = GoStructure.Field

  private var bodies: [Substring: Substring] = [:]
  private var structures: [String: GoStructure] = [:]

  package init(_ text: String) {
    for declaration in text.split(separator: "}") {
      let parts = declaration.split(separator: "{")
      // The name is the last word: comments may stand before it.
      guard parts.count == 2, let name = parts[0].split(whereSeparator: \.isWhitespace).last else {
        preconditionFailure("no declaration of a Go structure: \(declaration)")
      }
      self.bodies[name] = parts[1]
    }
    for name in self.bodies.keys { _ = self.declared(name) }
  }

  /// - Parameter name: with its package, as Go prints it: `core.Pod`.
  package func structure(_ name: String) -> GoStructure {
    guard let structure = self.structures[name] else {
      preconditionFailure("no declaration of the Go structure \(name)")
    }
    return structure
  }

  private mutating func declared(_ name: Substring) -> GoStructure? {
    let fullName = Self.fullName(name)
    if let structure = self.structures[fullName] { return structure }
    guard let body = self.bodies[name] else { return nil }
    var fields: [Field] = []
    for text in body.split(whereSeparator: { $0 == ";" || $0.isNewline }) {
      fields += self.fields(text.split { $0 == "," || $0 == " " })
    }
    let structure = GoStructure(name: fullName, fields: fields)
    self.structures[fullName] = structure
    return structure
  }

  /// - Parameter words: names, the type and tags.
  private mutating func fields(_ words: [Substring]) -> [Field] {
    var names = words.filter { !$0.contains("=") }
    guard let typeName = names.popLast() else { return [] }
    func tag(_ name: String) -> Substring? {
      words.first { $0.hasPrefix("\(name)=") }?.dropFirst(name.count + 1)
    }
    let since = tag("since").flatMap { Int($0) } ?? 1
    let releases = since...(tag("until").flatMap { Int($0) } ?? .max)
    let type = self.type(typeName)
    // An embedded field has the name of its type.
    if names.isEmpty, let name = typeName.split(separator: ".").last {
      return [Field(name: String(name), type: type, key: nil, releases: releases)]
    }
    return names.map(String.init).map { name in
      let key = tag("key").map(String.init) ?? Self.jsonName(name)
      return Field(name: name, type: type, key: key, releases: releases)
    }
  }

  private mutating func type(_ name: Substring) -> GoType {
    if name.hasPrefix("*") { return .pointer(self.type(name.dropFirst())) }
    if name.hasPrefix("[]") { return .list(self.type(name.dropFirst(2))) }
    if let type = Self.builtIn[name] { return type }
    return self.declared(name).map { .structure($0) } ?? .text(Self.fullName(name))
  }

  private static let builtIn: [Substring: GoType] = [
    "string": .text("string"), "bool": .boolean, "int32": .int32, "int64": .int64,
    "map[string]string": .map("map[string]string", .text("string")),
    "intstr.IntOrString": .intOrString, "resource.Quantity": .quantity, "v1.Time": .time,
    "ResourceList": .map("core.ResourceList", .roundedQuantity),
  ]

  private static func fullName(_ name: Substring) -> String {
    name.contains(".") ? String(name) : "core.\(name)"
  }

  /// `TerminationGracePeriodSeconds` is `terminationGracePeriodSeconds`, `HTTPGet` is `httpGet`,
  /// `TTY` is `tty`.
  private static func jsonName(_ name: String) -> String {
    let capitals = name.prefix { $0.isUppercase }.count
    let lowered = capitals == name.count || capitals == 1 ? capitals : capitals - 1
    return name.prefix(lowered).lowercased() + name.dropFirst(lowered)
  }
}
