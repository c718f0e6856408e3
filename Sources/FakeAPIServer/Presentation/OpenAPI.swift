import KubernetesObjects

/// A minimal OpenAPI description: each kind has a `patch` with the parameters `fieldValidation` and
/// `dryRun`, and no fields.
///
/// With it `kubectl create` and `kubectl apply` leave the validation of fields to the server, and
/// `--dry-run=server` works. kubectl 1.29 and newer read version 3 of the format, older ones version 2 as
/// protocol buffers.
///
/// Source: `k8s.io/cli-runtime/pkg/resource/query_param_verifier_v3.go`, `query_param_verifier.go`.
enum OpenAPI {
  /// The answer to a GET; `nil` for any other path.
  ///
  /// - Parameters:
  ///   - path: without the query: `/openapi/v3`.
  ///   - accept: the header `Accept` ; empty when it is missing.
  static func answer(path: String, accept: String) -> (contentType: String, body: [UInt8])? {
    func json(_ body: JSONValue) -> (String, [UInt8]) {
      (AcceptedType.json, body.utf8)
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

  /// The list of documents, by their paths without the leading slash.
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
    [
      "openapi": "3.0.0", "info": Self.info, "components": ["schemas": [:]],
      "paths": Self.paths(group.resources, parameterType: ["schema": ["type": "string"]]),
    ]
  }

  static let parameters = ["dryRun", "fieldValidation"]
  /// The extension that names the kind of an operation.
  static let kindExtension = "x-kubernetes-group-version-kind"
  static let title = "Kubernetes"
  static let info: JSONValue = [
    "title": .string(Self.title), "version": Discovery.version["gitVersion"] ?? "",
  ]

  /// The paths of single objects with `patch`, the only operation that clients read.
  /// - Parameter parameterType: the type of a text parameter in this version of the format.
  static func paths(_ resources: [APIResource], parameterType: JSONValue) -> JSONValue {
    let parameters = Self.parameters.map { name in
      var parameter = parameterType
      parameter["name"] = .string(name)
      parameter["in"] = "query"
      return parameter
    }
    let paths = resources.map { resource in
      (
        resource.objectPath,
        [
          "patch": [
            "parameters": .array(parameters), "responses": [:],
            Self.kindExtension: resource.groupVersionKind,
          ]
        ] as JSONValue
      )
    }
    return .object(Dictionary(uniqueKeysWithValues: paths))
  }
}

/// Version 2 of the format.
enum OpenAPIv2 {
  static let mediaType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
  /// The type in clients' requests. It is no valid media type, and clients refuse it in an answer.
  static let formerMediaType = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

  static var json: JSONValue {
    [
      "swagger": "2.0", "info": OpenAPI.info,
      "paths": OpenAPI.paths(APIResource.all, parameterType: ["type": "string"]),
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
    // The format wants YAML here, and JSON is YAML.
    var kind = ProtobufMessage()
    kind.append(2, resource.groupVersionKind.description)
    var kindExtension = ProtobufMessage()
    kindExtension.append(1, OpenAPI.kindExtension)
    kindExtension.append(2, kind)

    var operation = ProtobufMessage()
    for name in OpenAPI.parameters { operation.append(8, Self.parameter(name)) }
    operation.append(9, ProtobufMessage())
    operation.append(13, kindExtension)
    var item = ProtobufMessage()
    item.append(8, operation)
    return item
  }

  private static func parameter(_ name: String) -> ProtobufMessage {
    var parameter = ProtobufMessage()
    parameter.append(2, "query")
    parameter.append(4, name)
    parameter.append(6, "string")
    // The wrappers say: a parameter in the query, outside of the body, no reference.
    for number: UInt64 in [3, 2, 1] {
      var wrapper = ProtobufMessage()
      wrapper.append(number, parameter)
      parameter = wrapper
    }
    return parameter
  }
}

extension APIResource {
  /// `/api/v1/namespaces/{namespace}/pods/{name}`
  fileprivate var objectPath: String {
    self.groupPath + (self.isNamespaced ? "/namespaces/{namespace}" : "") + "/\(self.name)/{name}"
  }
}
