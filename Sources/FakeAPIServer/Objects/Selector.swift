import KubernetesObjects

/// What a client wants to see of a list or a watch.
struct Selection: Equatable, Sendable {
  var labels = LabelSelector()
  var fields = FieldSelector()

  func matches(_ object: JSONValue) -> Bool {
    self.labels.matches(object) && self.fields.matches(object)
  }

  var isEverything: Bool { self == Selection() }
}

/// Which labels an object must have.
///
/// Source: `k8s.io/apimachinery/pkg/labels/selector.go`.
struct LabelSelector: Equatable, Sendable {
  private enum Requirement: Equatable, Sendable {
    case exists(String)
    case absent(String)
    case among(String, [String])
    case notAmong(String, [String])
  }

  private var requirements: [Requirement] = []

  init() {}

  /// - Throws: 400, what is wrong with the text.
  init(_ text: String) throws(APIFailure) {
    for part in Self.split(text) {
      self.requirements.append(try Self.requirement(part))
    }
  }

  func matches(_ object: JSONValue) -> Bool {
    let labels = object["metadata"]?["labels"]?.members ?? [:]
    return self.requirements.allSatisfy { requirement in
      switch requirement {
      case .exists(let key): labels[key] != nil
      case .absent(let key): labels[key] == nil
      case .among(let key, let values): labels[key]?.string.map(values.contains) ?? false
      case .notAmong(let key, let values): !(labels[key]?.string.map(values.contains) ?? false)
      }
    }
  }

  /// At the commas that are not in parentheses.
  private static func split(_ text: String) -> [String] {
    var parts: [String] = []
    var part = ""
    var depth = 0
    for character in text {
      switch character {
      case ",": if depth == 0 { (part, parts) = ("", parts + [part]) } else { part.append(",") }
      case "(", ")":
        depth += character == "(" ? 1 : -1
        part.append(character)
      default: part.append(character)
      }
    }
    return (parts + [part]).map { Self.trimmed($0[...]) }.filter { !$0.isEmpty }
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  private static func requirement(_ text: String) throws(APIFailure) -> Requirement {
    func halves(_ separator: String) -> (key: String, value: String)? {
      guard let range = text.firstRange(of: separator) else { return nil }
      return (Self.trimmed(text[..<range.lowerBound]), Self.trimmed(text[range.upperBound...]))
    }
    func set(_ text: String) -> [String]? {
      guard text.hasPrefix("("), text.hasSuffix(")") else { return nil }
      return text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
        .map { Self.trimmed($0) }
    }
    if let (key, values) = halves(" notin "), let values = set(values) {
      return .notAmong(key, values)
    }
    if let (key, values) = halves(" in "), let values = set(values) { return .among(key, values) }
    if let (key, value) = halves("!=") { return .notAmong(key, [value]) }
    if let (key, value) = halves("==") { return .among(key, [value]) }
    if let (key, value) = halves("=") { return .among(key, [value]) }
    if text.hasPrefix("!") { return .absent(Self.trimmed(text.dropFirst())) }
    guard !text.contains(where: { " ()<>".contains($0) }) else {
      throw .badRequest(
        "unable to parse requirement: found '\(text)', expected: a label, =, !=, in, notin")
    }
    return .exists(text)
  }
}

/// Which values some fields of an object must have.
///
/// Source: `k8s.io/apimachinery/pkg/fields/selector.go`; the fields are those of the resources' strategies.
struct FieldSelector: Equatable, Sendable {
  private struct Requirement: Equatable, Sendable {
    let path: [String]
    let value: String
    let isEqual: Bool
  }

  private var requirements: [Requirement] = []

  init() {}

  /// - Throws: 400 for a field that nobody can select by.
  init(_ text: String, of resource: APIResource) throws(APIFailure) {
    for part in text.split(separator: ",") where !part.isEmpty {
      let isUnequal = part.contains("!=")
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2 else {
        throw .badRequest("invalid selector: '\(part)'; can't understand '\(part)'")
      }
      let field = isUnequal ? sides[0].dropLast() : sides[0]
      let value = !isUnequal && sides[1].hasPrefix("=") ? sides[1].dropFirst() : sides[1]
      guard Self.fields(of: resource).contains(String(field)) else {
        throw .badRequest("field label not supported: \(field)")
      }
      self.requirements.append(
        Requirement(
          path: field.split(separator: ".").map(String.init), value: String(value),
          isEqual: !isUnequal))
    }
  }

  func matches(_ object: JSONValue) -> Bool {
    self.requirements.allSatisfy { requirement in
      let value = requirement.path.reduce(object as JSONValue?) { $0?[$1] }
      let text =
        switch value {
        case .boolean(let flag): "\(flag)"
        case .integer(let number): "\(number)"
        default: value?.string ?? ""
        }
      return (text == requirement.value) == requirement.isEqual
    }
  }

  private static func fields(of resource: APIResource) -> Set<String> {
    let own: [String] =
      switch resource.name {
      case "pods":
        [
          "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
          "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName",
        ]
      case "nodes": ["spec.unschedulable"]
      case "namespaces": ["status.phase"]
      case "replicationcontrollers": ["status.replicas"]
      case "events":
        ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map {
          "involvedObject.\($0)"
        } + ["reason", "type", "reportingComponent", "source"]
      default: []
      }
    return Set(own + ["metadata.name"] + (resource.isNamespaced ? ["metadata.namespace"] : []))
  }
}
