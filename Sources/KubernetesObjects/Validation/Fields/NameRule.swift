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
        Self.consists(text, of: "-._") && text.utf8.first.map(Self.isDigit) == false
          ? nil
          : "a valid environment variable name must consist of alphabetic characters, digits, "
            + "'_', '-', or '.', and must not start with a digit") + Self.directory(text)
    case .relaxedVariable:
      Self.list(
        !text.isEmpty && text.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x3D }
          ? nil
          : "a valid environment variable name must consist only of printable ASCII characters "
            + "other than '='")
    case .configKey:
      Self.list(text.utf8.count > 253 ? "must be no more than 253 characters" : nil)
        + Self.list(
          Self.consists(text, of: "-._")
            ? nil
            : "a valid config key must consist of alphanumeric characters, '-', '_' or '.'")
        + Self.directory(text)
    case .httpHeader:
      Self.list(
        Self.consists(text, of: "-")
          ? nil : "a valid HTTP header must consist of alphanumeric characters or '-'")
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func isSmallLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

  /// Whether a text is not empty and has only letters, digits and these.
  private static func consists(_ text: String, of others: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        Self.isSmallLetter($0 | 0x20) || Self.isDigit($0) || others.utf8.contains($0)
      }
  }

  private static func list(_ problem: String?) -> [String] { problem.map { [$0] } ?? [] }

  private static func portName(_ text: String) -> [String] {
    let hasOnlyItsOwn =
      !text.isEmpty
      && text.utf8.allSatisfy { Self.isSmallLetter($0) || Self.isDigit($0) || $0 == 0x2D }
    let rules: [(isBroken: Bool, words: String)] = [
      (text.utf8.count > 15, "must be no more than 15 characters"),
      (
        !hasOnlyItsOwn,
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
      ),
      (!text.utf8.contains(where: Self.isSmallLetter), "must contain at least one letter (a-z)"),
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
