import KubernetesObjects

/// Why a request was refused: a `Status` object with the real server's code, reason and message.
///
/// Source: `k8s.io/apimachinery/pkg/api/errors/errors.go`.
struct APIFailure: Error, Equatable, Sendable, CustomStringConvertible {
  let code: Int
  let reason: String
  let message: String
  private(set) var details: JSONValue?

  var description: String { "\(self.code) \(self.reason): \(self.message)" }

  /// The body of the answer.
  var status: JSONValue {
    var status: JSONValue = [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
      "message": .string(self.message), "reason": .string(self.reason),
      "code": .integer(Int64(self.code)),
    ]
    status["details"] = self.details
    return status
  }

  private static func details(
    _ resource: APIResource, _ name: String, kind: String? = nil, _ problems: [FieldProblem] = []
  ) -> JSONValue {
    var details: JSONValue = ["kind": .string(kind ?? resource.name)]
    if !name.isEmpty { details["name"] = .string(name) }
    if !resource.group.isEmpty { details["group"] = .string(resource.group) }
    if !problems.isEmpty {
      details["causes"] = .array(
        problems.map {
          [
            "reason": .string(Self.cause(of: $0)), "message": .string($0.reason),
            "field": .string($0.field ?? ""),
          ]
        })
    }
    return details
  }

  /// A problem's reason, as one word for programs.
  private static func cause(of problem: FieldProblem) -> String {
    let words = [
      "Required value": "FieldValueRequired", "Duplicate value": "FieldValueDuplicate",
      "Unsupported value": "FieldValueNotSupported", "Forbidden": "FieldValueForbidden",
    ]
    return words.first { problem.reason.hasPrefix($0.key) }?.value ?? "FieldValueInvalid"
  }

  static func notFound(_ resource: APIResource, _ name: String) -> Self {
    Self(
      code: 404, reason: "NotFound", message: "\(resource.qualifiedName) \"\(name)\" not found",
      details: Self.details(resource, name))
  }

  static func alreadyExists(_ resource: APIResource, _ name: String) -> Self {
    Self(
      code: 409, reason: "AlreadyExists",
      message: "\(resource.qualifiedName) \"\(name)\" already exists",
      details: Self.details(resource, name))
  }

  /// Source: `registry/generic/registry/store.go` OptimisticLockErrorMsg.
  static func conflict(_ resource: APIResource, _ name: String, _ what: String? = nil) -> Self {
    let what =
      what
      ?? "the object has been modified; please apply your changes to the latest version and try again"
    return Self(
      code: 409, reason: "Conflict",
      message: "Operation cannot be fulfilled on \(resource.qualifiedName) \"\(name)\": \(what)",
      details: Self.details(resource, name))
  }

  static func invalid(_ resource: APIResource, _ name: String, _ problems: [FieldProblem]) -> Self {
    let list = problems.map(\.description).joined(separator: ", ")
    let all = problems.count == 1 ? list : "[\(list)]"
    let kind = resource.group.isEmpty ? resource.kind : "\(resource.kind).\(resource.group)"
    return Self(
      code: 422, reason: "Invalid", message: "\(kind) \"\(name)\" is invalid: \(all)",
      details: Self.details(resource, name, kind: resource.kind, problems))
  }

  static func badRequest(_ message: String) -> Self {
    Self(code: 400, reason: "BadRequest", message: message)
  }

  static func forbidden(_ message: String) -> Self {
    Self(code: 403, reason: "Forbidden", message: message)
  }

  static let methodNotAllowed = Self(
    code: 405, reason: "MethodNotAllowed",
    message: "the server does not allow this method on the requested resource", details: [:])

  static func notSupported(_ resource: APIResource, _ action: String) -> Self {
    Self(
      code: 405, reason: "MethodNotAllowed",
      message: "\(action) is not supported on resources of kind \"\(resource.qualifiedName)\"",
      details: Self.details(resource, ""))
  }

  static let notAcceptable = Self(
    code: 406, reason: "NotAcceptable",
    message: "only the following media types are accepted: application/json")

  static func unsupportedMediaType(accepted: [String]) -> Self {
    Self(
      code: 415, reason: "UnsupportedMediaType",
      message: "the body of the request was in an unknown format - accepted media types include: "
        + accepted.joined(separator: ", "))
  }

  static func expired(_ message: String) -> Self {
    Self(code: 410, reason: "Expired", message: message)
  }

  static func internalError(_ message: String) -> Self {
    Self(
      code: 500, reason: "InternalError", message: "Internal error occurred: \(message)",
      details: ["causes": [["message": .string(message)]]])
  }

  /// etcd cannot be reached; nothing was changed.
  static func unavailable(_ message: String) -> Self {
    Self(
      code: 503, reason: "ServiceUnavailable", message: message, details: ["retryAfterSeconds": 1])
  }

  /// etcd did not answer; the request may have been carried out.
  static func timeout(_ message: String) -> Self {
    Self(code: 504, reason: "Timeout", message: message, details: ["retryAfterSeconds": 1])
  }

  /// Source: `k8s.io/apimachinery/pkg/apis/meta/v1/validation` ValidateDryRun.
  static func badDryRun(_ text: String) -> Self {
    Self(
      code: 422, reason: "Invalid",
      message: "dryRun: Unsupported value: [\"\(text)\"]: supported values: \"All\"")
  }

  static let forbiddenInitialEvents = Self(
    code: 422, reason: "Invalid",
    message:
      "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents "
      + "is forbidden for watch unless the WatchList feature gate is enabled")

  /// An operation of a JSON patch that does not apply.
  static func unprocessable(_ message: String) -> Self {
    Self(code: 422, reason: "Invalid", message: message)
  }

  static func tooLarge(limit: Int) -> Self {
    Self(
      code: 413, reason: "RequestEntityTooLarge",
      message: "Request entity too large: limit is \(limit)")
  }

  /// A kubelet's refusal, with the kubelet's message.
  static func kubelet(code: Int, _ message: String) -> Self {
    Self(
      code: code, reason: code == 404 ? "NotFound" : code == 400 ? "BadRequest" : "InternalError",
      message: message)
  }
}
