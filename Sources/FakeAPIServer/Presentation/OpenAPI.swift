import FakeKubelet

/// Just as much of an OpenAPI description as persuades `kubectl create` and `kubectl apply` to leave
/// the checking of fields to the server: each kind, and that its `patch` knows the parameter
/// `fieldValidation`. No kind's fields are described.
///
/// kubectl 1.29 and newer read the third version of the format, older ones the second as protocol buffers.
///
/// Source: `k8s.io/cli-runtime/pkg/resource/query_param_verifier_v3.go`, `query_param_verifier.go`.
enum OpenAPI {
  /// The answer to a GET; `nil` for a path that is none of these.
  ///
  /// - Parameters:
  ///   - path: without the query: `/openapi/v3`.
  ///   - accept: the header `Accept` as it was sent, empty when there was none.
  static func answer(path: String, accept: String) -> (contentType: String, body: [UInt8])? {
    func json(_ body: JSONValue) -> (String, [UInt8]) {
      (AcceptedType.json, Array(body.description.utf8))
    }
    switch path {
    case "/openapi/v3": return json(Self.index)
    case "/openapi/v2":
      let types = AcceptedType.all(accept).map(\.name)
      if types.contains(where: [OpenAPIv2.mediaType, OpenAPIv2.formerMediaType].contains) {
        return (OpenAPIv2.mediaType, OpenAPIv2.protobuf.encoded)
      }
      return json(OpenAPIv2.json)
    default:
      guard let group = ServedGroup.all.first(where: { path == "/openapi/v3" + $0.path }) else {
        return nil
      }
      return json(Self.document(group))
    }
  }

  /// Which documents there are, by their paths without the slash in front.
  private static var index: JSONValue {
    let paths = ServedGroup.all.map { group in
      (
        String(group.path.dropFirst()),
        ["serverRelativeURL": .string("/openapi/v3" + group.path)] as JSONValue
      )
    }
    return ["paths": .object(Dictionary(uniqueKeysWithValues: paths))]
  }

  private static func document(_ group: ServedGroup) -> JSONValue {
    let parameter: JSONValue = [
      "name": .string(Self.fieldValidation), "in": "query", "schema": ["type": "string"],
    ]
    return [
      "openapi": "3.0.0", "info": Self.info, "components": ["schemas": [:]],
      "paths": Self.paths(group.resources, parameter: parameter),
    ]
  }

  static let fieldValidation = "fieldValidation"
  /// The extension that says which kind an operation is about.
  static let kindExtension = "x-kubernetes-group-version-kind"
  static let title = "Kubernetes"
  static let info: JSONValue = [
    "title": .string(Self.title), "version": Discovery.version["gitVersion"] ?? "",
  ]

  /// The paths of single objects, with the one operation that clients look at.
  static func paths(_ resources: [APIResource], parameter: JSONValue) -> JSONValue {
    let paths = resources.map { resource in
      (
        resource.objectPath,
        [
          "patch": [
            "parameters": [parameter], "responses": [:],
            Self.kindExtension: resource.groupVersionKind,
          ]
        ] as JSONValue
      )
    }
    return .object(Dictionary(uniqueKeysWithValues: paths))
  }
}

/// The second version of the format.
enum OpenAPIv2 {
  static let mediaType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
  /// What clients ask for, which is no media type, as they themselves find when it is in an answer.
  static let formerMediaType = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

  static var json: JSONValue {
    let parameter: JSONValue = [
      "name": .string(OpenAPI.fieldValidation), "in": "query", "type": "string",
    ]
    return [
      "swagger": "2.0", "info": OpenAPI.info,
      "paths": OpenAPI.paths(APIResource.all, parameter: parameter),
    ]
  }

  /// Source of the field numbers: `openapiv2/OpenAPIv2.proto` of github.com/google/gnostic.
  static var protobuf: ProtobufMessage {
    var info = ProtobufMessage()
    info.append(1, OpenAPI.title)
    info.append(2, Discovery.version["gitVersion"]?.string ?? "")
    var paths = ProtobufMessage()
    for resource in APIResource.all {
      var path = ProtobufMessage()
      path.append(1, resource.objectPath)
      path.append(2, Self.item(resource))
      paths.append(2, path)
    }
    var document = ProtobufMessage()
    document.append(1, "2.0")
    document.append(2, info)
    document.append(8, paths)
    return document
  }

  /// A PathItem with its `patch`.
  private static func item(_ resource: APIResource) -> ProtobufMessage {
    // What a parameter is one says by wrapping it: of the operation, not in the body, in the query.
    var parameter = ProtobufMessage()
    parameter.append(2, "query")
    parameter.append(4, OpenAPI.fieldValidation)
    parameter.append(6, "string")
    for number: UInt64 in [3, 2, 1] {
      var wrapper = ProtobufMessage()
      wrapper.append(number, parameter)
      parameter = wrapper
    }
    // JSON is YAML, which is expected here.
    var kind = ProtobufMessage()
    kind.append(2, resource.groupVersionKind.description)
    var kindExtension = ProtobufMessage()
    kindExtension.append(1, OpenAPI.kindExtension)
    kindExtension.append(2, kind)

    var operation = ProtobufMessage()
    operation.append(8, parameter)
    operation.append(9, ProtobufMessage())
    operation.append(13, kindExtension)
    var item = ProtobufMessage()
    item.append(8, operation)
    return item
  }
}

extension APIResource {
  /// `/api/v1/namespaces/{namespace}/pods/{name}`
  fileprivate var objectPath: String {
    let group = self.group.isEmpty ? "/api/\(self.version)" : "/apis/\(self.group)/\(self.version)"
    return group + (self.isNamespaced ? "/namespaces/{namespace}" : "") + "/\(self.name)/{name}"
  }

  fileprivate var groupVersionKind: JSONValue {
    [
      "group": .string(self.group), "version": .string(self.version), "kind": .string(self.kind),
    ]
  }
}
