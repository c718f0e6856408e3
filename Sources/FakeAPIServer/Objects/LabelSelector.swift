import KubernetesObjects

/// Selects objects by their labels.
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

  /// - Throws: 400 for a malformed selector.
  init(_ text: String) throws(APIFailure) {
    for part in Self.split(text) {
      self.requirements.append(try Self.requirement(part))
    }
  }

  func matches(_ object: JSONValue) -> Bool {
    let labels = object.metadata.labels
    return self.requirements.allSatisfy { requirement in
      switch requirement {
      case .exists(let key): labels[key] != nil
      case .absent(let key): labels[key] == nil
      case .among(let key, let values): labels[key]?.string.map(values.contains) ?? false
      case .notAmong(let key, let values): !(labels[key]?.string.map(values.contains) ?? false)
      }
    }
  }

  /// Splits at the commas outside of parentheses.
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
    return (parts + [part]).map { $0.trimmed { $0 == " " } }.filter { !$0.isEmpty }
  }

  private static func requirement(_ text: String) throws(APIFailure) -> Requirement {
    func halves(_ separator: String) -> (key: String, value: String)? {
      guard let range = text.firstRange(of: separator) else { return nil }
      func side(_ text: Substring) -> String { text.trimmed { $0 == " " } }
      return (side(text[..<range.lowerBound]), side(text[range.upperBound...]))
    }
    func set(_ text: String) -> [String]? {
      guard text.hasPrefix("("), text.hasSuffix(")") else { return nil }
      return text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
        .map { $0.trimmed { $0 == " " } }
    }
    if let (key, values) = halves(" notin "), let values = set(values) {
      return .notAmong(key, values)
    }
    if let (key, values) = halves(" in "), let values = set(values) { return .among(key, values) }
    if let (key, value) = halves("!=") { return .notAmong(key, [value]) }
    if let (key, value) = halves("==") { return .among(key, [value]) }
    if let (key, value) = halves("=") { return .among(key, [value]) }
    if text.hasPrefix("!") { return .absent(text.dropFirst().trimmed { $0 == " " }) }
    guard !text.contains(where: { " ()<>".contains($0) }) else {
      throw .badRequest(
        "unable to parse requirement: found '\(text)', expected: a label, =, !=, in, notin")
    }
    return .exists(text)
  }
}
