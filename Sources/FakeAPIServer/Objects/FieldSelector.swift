import KubernetesObjects

/// Selects objects by the values of some fields.
///
/// Source: `k8s.io/apimachinery/pkg/fields/selector.go`; the fields of the resources' strategies.
struct FieldSelector: Equatable, Sendable {
  private struct Requirement: Equatable, Sendable {
    let field: String
    let value: String
    let isEqual: Bool
  }

  private var requirements: [Requirement] = []

  init() {}

  /// - Throws: 400 for a field that cannot be selected by.
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
          field: String(field), value: String(value), isEqual: !isUnequal))
    }
  }

  func matches(_ object: JSONValue) -> Bool {
    self.requirements.allSatisfy { requirement in
      (Self.value(of: requirement.field, object) == requirement.value) == requirement.isEqual
    }
  }

  /// The text that a field is compared by. As in Go, an absent boolean is false and an absent number zero.
  private static func value(of field: String, _ object: JSONValue) -> String {
    switch field {
    case "source":
      // Source: `registry/core/event/strategy.go` ToSelectableFields.
      let component = object["source"]?["component"].text
      return component ?? object["reportingComponent"]?.string ?? ""
    case "name": return object.metadata.name
    default: break
    }
    let value = field.split(separator: ".").reduce(object as JSONValue?) { $0?[String($1)] }
    switch value {
    case .boolean(let flag): return "\(flag)"
    case .integer(let number): return "\(number)"
    case .string(let text): return text
    default:
      return Self.booleans.contains(field) ? "false" : field == "status.replicas" ? "0" : ""
    }
  }

  private static let booleans: Set = ["spec.hostNetwork", "spec.unschedulable"]

  private static func fields(of resource: APIResource) -> Set<String> {
    let own: [String] =
      switch resource.name {
      case "pods":
        [
          "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
          "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName",
        ]
      case "nodes": ["spec.unschedulable"]
      case "namespaces": ["name", "status.phase"]
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
