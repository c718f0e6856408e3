import KubernetesObjects

/// Reads the body of a request as an object.
enum RequestBody {
  static let contentTypes = [
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
  ]

  /// - Parameters:
  ///   - contentType: the header; JSON when it is missing.
  ///   - onDuplicate: gets each member that is given twice, in Go's words.
  /// - Throws: 400 for an unreadable body, 415 for another content type.
  static func object(
    _ bytes: [UInt8], contentType: String?, onDuplicate: (String) -> Void = { _ in }
  ) throws(APIFailure) -> JSONValue {
    let type = (contentType ?? "application/json").prefix { $0 != ";" }
      .filter { $0 != " " }.lowercased()
    switch type {
    // The last one is curl's default, which the recipe's commands send.
    case "application/json", "", "application/x-www-form-urlencoded":
      let object = try Self.json(bytes)
      FieldValidation.duplicates(in: bytes).forEach(onDuplicate)
      return object
    case "application/yaml", "text/yaml", "application/x-yaml":
      return try Self.yaml(bytes, onDuplicate)
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

  private static func yaml(
    _ bytes: [UInt8], _ onDuplicate: (String) -> Void
  ) throws(APIFailure) -> JSONValue {
    do {
      return try PodAdmission.document(bytes) { line, key in
        onDuplicate("line \(line): key \"\(key)\" already set in map")
      }
    } catch {
      throw .badRequest("error converting YAML to JSON: \(error)")
    }
  }
}
