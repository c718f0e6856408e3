/// Why a file in the manifest directory is no valid pod: the field and the reason.
///
/// Source of the wording: kubelet 1.32, `pkg/kubelet/config/common.go` and `file.go`.
public struct ManifestError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The stage at which the file was refused.
  public enum Stage: Equatable, Sendable {
    /// It could not be read: no permission, a directory, too large.
    case read
    /// It is no YAML or JSON, or does not have the form of a v1 Pod.
    case decode
    /// It is a Pod that breaks a rule.
    case validate
    /// Another file describes a pod of the same namespace and name and overrules this one.
    case duplicate
  }

  /// The file's path.
  public let path: String
  /// The stage at which the file was refused.
  public let stage: Stage
  /// Never empty; in the order of the fields in the file's structure.
  public let problems: [FieldProblem]

  public init(path: String, stage: Stage, problems: [FieldProblem]) {
    precondition(!problems.isEmpty, "a manifest error without a problem: \(path)")
    self.path = path
    self.stage = stage
    self.problems = problems
  }

  package init(path: String, stage: Stage, _ reason: String) {
    self.init(path: path, stage: stage, problems: [FieldProblem(field: nil, reason)])
  }

  public var description: String {
    let reasons = self.problems.map(\.description).joined(separator: ", ")
    return switch self.stage {
    case .read, .duplicate: reasons
    case .decode: "\(self.path): couldn't parse as pod(\(reasons)), please check config file"
    case .validate: "invalid pod: " + (self.problems.count == 1 ? reasons : "[\(reasons)]")
    }
  }
}

/// One problem of a manifest.
public struct FieldProblem: Equatable, Sendable, CustomStringConvertible {
  /// Where: `spec.containers[0].name`; `nil` for the file as a whole.
  public let field: String?
  /// Why: `Required value`, `Invalid value: "A": …`.
  public let reason: String

  package init(field: String?, _ reason: String) {
    self.field = field
    self.reason = reason
  }

  public var description: String {
    self.field.map { "\($0): \(self.reason)" } ?? self.reason
  }

  package static func required(_ field: String, _ detail: String? = nil) -> Self {
    Self(field: field, "Required value" + (detail.map { ": \($0)" } ?? ""))
  }

  package static func invalid(_ field: String, _ value: JSONValue, _ detail: String) -> Self {
    Self(field: field, "Invalid value: \(value): \(detail)")
  }

  package static func duplicate(_ field: String, _ value: JSONValue) -> Self {
    Self(field: field, "Duplicate value: \(value)")
  }

  package static func forbidden(_ field: String, _ detail: String) -> Self {
    Self(field: field, "Forbidden: \(detail)")
  }

  package static func unsupported(_ field: String, _ value: String, _ supported: [String]) -> Self {
    let names = supported.map { "\"\($0)\"" }.joined(separator: ", ")
    return Self(field: field, "Unsupported value: \"\(value)\": supported values: \(names)")
  }
}
