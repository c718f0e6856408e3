/// The rules for names in Kubernetes.
///
/// Source: `k8s.io/apimachinery/pkg/util/validation`.
package enum KubernetesName {
  /// Why a text is no RFC 1123 label (63 characters of `a-z`, `0-9`, `-`); `nil` when it is one.
  package static func labelProblem(_ text: String) -> String? {
    if text.utf8.count > 63 { return "must be no more than 63 characters" }
    guard !Self.isLabel(text[...]) else { return nil }
    return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
      + "and must start and end with an alphanumeric character"
  }

  /// Why a text is no RFC 1123 subdomain (labels joined by dots, 253 characters); `nil` when it is.
  package static func subdomainProblem(_ text: String) -> String? {
    if text.utf8.count > 253 { return "must be no more than 253 characters" }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard !labels.allSatisfy(Self.isLabel) else { return nil }
    return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
      + "'-' or '.', and must start and end with an alphanumeric character"
  }

  /// Why a text is no label value (63 characters, may be empty); `nil` when it is one.
  package static func labelValueProblem(_ text: String) -> String? {
    if text.utf8.count > 63 { return "must be no more than 63 characters" }
    guard !text.isEmpty, !Self.isQualifiedPart(text[...]) else { return nil }
    return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
      + "or '.', and must start and end with an alphanumeric character"
  }

  /// Why a text is no label or annotation key such as `example.com/name`; `nil` when it is one.
  package static func qualifiedNameProblem(_ text: String) -> String? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let name = parts.last else {
      return "a qualified name must be a name with an optional DNS subdomain prefix and '/'"
    }
    if parts.count == 2, parts[0].isEmpty { return "prefix part must be non-empty" }
    if parts.count == 2, let problem = Self.subdomainProblem(String(parts[0])) {
      return "prefix part " + problem
    }
    if name.isEmpty { return "name part must be non-empty" }
    if name.utf8.count > 63 { return "name part must be no more than 63 characters" }
    guard !Self.isQualifiedPart(name) else { return nil }
    return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "
      + "end with an alphanumeric character"
  }

  private static func isLabel(_ text: Substring) -> Bool {
    Self.isName(text, inside: "-") {
      (0x61...0x7A).contains($0) || (0x30...0x39).contains($0)
    }
  }

  private static func isQualifiedPart(_ text: Substring) -> Bool {
    Self.isName(text, inside: "-_.") {
      (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0)
    }
  }

  /// - Parameter others: the characters that may neither begin nor end a name.
  private static func isName(
    _ text: Substring, inside others: String, _ isLetter: (UInt8) -> Bool
  ) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last, isLetter(first), isLetter(last)
    else { return false }
    return text.utf8.allSatisfy { isLetter($0) || others.utf8.contains($0) }
  }
}
