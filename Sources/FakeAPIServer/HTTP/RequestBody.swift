import KubernetesObjects

/// Reads what a client sends.
enum RequestBody {
  static let contentTypes = [
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
  ]

  /// - Parameter contentType: as in the header; `nil` for none, which means JSON.
  /// - Throws: 400 for what cannot be read, 415 for what is of another type.
  static func object(_ bytes: [UInt8], contentType: String?) throws(APIFailure) -> JSONValue {
    let type = (contentType ?? "application/json").prefix { $0 != ";" }
      .filter { $0 != " " }.lowercased()
    switch type {
    // The last one is what curl says of a body of which it was told nothing, as in the recipe.
    case "application/json", "", "application/x-www-form-urlencoded":
      return try Self.json(bytes)
    case "application/yaml", "text/yaml", "application/x-yaml": return try Self.yaml(bytes)
    case "application/vnd.kubernetes.protobuf":
      guard let object = ProtobufBody.object(bytes) else {
        throw .badRequest("the protobuf body is of a kind that is not read here; send JSON")
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
