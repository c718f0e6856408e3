import KubernetesObjects

/// Reads the body of a request as an object.
enum RequestBody {
  static let contentTypes = [
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
  ]

  /// - Parameter contentType: the header; JSON when it is missing.
  /// - Throws: 400 for an unreadable body, 415 for another content type.
  static func object(_ bytes: [UInt8], contentType: String?) throws(APIFailure) -> JSONValue {
    let type = (contentType ?? "application/json").prefix { $0 != ";" }
      .filter { $0 != " " }.lowercased()
    switch type {
    // The last one is curl's default, which the recipe's commands send.
    case "application/json", "", "application/x-www-form-urlencoded":
      return try Self.json(bytes)
    case "application/yaml", "text/yaml", "application/x-yaml": return try Self.yaml(bytes)
    case "application/vnd.kubernetes.protobuf":
      guard let object = ProtobufBody.object(bytes) else {
        throw .badRequest("the protobuf body is of a kind that this server cannot read; send JSON")
      }
      return object
    default: throw .unsupportedMediaType(accepted: Self.contentTypes)
    }
  }

  static func json(_ bytes: [UInt8]) throws(APIFailure) -> JSONValue {
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      throw .badRequest("the body of the request is no JSON: \(error)")
    }
  }

  private static func yaml(_ bytes: [UInt8]) throws(APIFailure) -> JSONValue {
    do {
      return try PodAdmission.document(bytes)
    } catch {
      throw .badRequest("error converting YAML to JSON: \(error)")
    }
  }
}
