/// The form that a name must have.
///
/// Source: `k8s.io/apimachinery/pkg/util/validation`.
package enum NameRule: Sendable {
  /// An RFC 1123 label.
  case label
  /// An RFC 1123 subdomain.
  case subdomain
  /// An RFC 1123 subdomain whose labels may hold underscores.
  case subdomainWithUnderscores
  /// A key of a label, with or without a prefix.
  case qualifiedName
  case labelValue
  /// A port's name, of IANA's form.
  case portName
  case variable
  case relaxedVariable
  /// A key of a config map or a secret.
  case configKey
  case httpHeader

  /// Why a text does not have the form; empty when it does.
  package func problems(_ text: String) -> [String] {
    switch self {
    case .label: Self.list(KubernetesName.labelProblem(text))
    case .subdomain: Self.list(KubernetesName.subdomainProblem(text))
    case .subdomainWithUnderscores:
      // An underscore may stand wherever a letter may.
      Self.list(KubernetesName.subdomainProblem(text.replacing("_", with: "a")))
    case .qualifiedName: Self.list(KubernetesName.qualifiedNameProblem(text))
    case .labelValue: Self.list(KubernetesName.labelValueProblem(text))
    case .portName: Self.portName(text)
    case .variable:
      Self.list(
        text.wholeMatch(of: #/[-._a-zA-Z][-._a-zA-Z0-9]*/#) == nil
          ? "a valid environment variable name must consist of alphabetic characters, digits, "
            + "'_', '-', or '.', and must not start with a digit" : nil) + Self.directory(text)
    case .relaxedVariable:
      Self.list(
        text.wholeMatch(of: #/[ -<>-~]+/#) == nil
          ? "a valid environment variable name must consist only of printable ASCII characters "
            + "other than '='" : nil)
    case .configKey:
      Self.list(text.utf8.count > 253 ? "must be no more than 253 characters" : nil)
        + Self.list(
          text.wholeMatch(of: #/[-._a-zA-Z0-9]+/#) == nil
            ? "a valid config key must consist of alphanumeric characters, '-', '_' or '.'" : nil)
        + Self.directory(text)
    case .httpHeader:
      Self.list(
        text.wholeMatch(of: #/[-A-Za-z0-9]+/#) == nil
          ? "a valid HTTP header must consist of alphanumeric characters or '-'" : nil)
    }
  }

  private static func list(_ problem: String?) -> [String] { problem.map { [$0] } ?? [] }

  private static func portName(_ text: String) -> [String] {
    let letters = text.utf8.contains { (0x61...0x7A).contains($0) }
    let rules: [(isBroken: Bool, words: String)] = [
      (text.utf8.count > 15, "must be no more than 15 characters"),
      (
        text.wholeMatch(of: #/[-a-z0-9]+/#) == nil,
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
      ),
      (!letters, "must contain at least one letter (a-z)"),
      (text.contains("--"), "must not contain consecutive hyphens"),
      (
        text.hasPrefix("-") || text.hasSuffix("-"), "must not begin or end with a hyphen"
      ),
    ]
    return rules.filter(\.isBroken).map(\.words)
  }

  /// Names that lead to another directory where each variable is a file.
  private static func directory(_ text: String) -> [String] {
    if text == "." || text == ".." { return ["must not be '\(text)'"] }
    return text.hasPrefix("..") ? ["must not start with '..'"] : []
  }
}
