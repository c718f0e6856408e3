import KubernetesObjects

/// The part of each object in a table's row: the query parameter `includeObject`.
enum IncludedObject: String, Sendable {
  case none = "None"
  /// The default.
  case metadata = "Metadata"
  case object = "Object"
}

/// The form of an answer that `kubectl get` prints: it shows columns that the server has computed.
enum ResourceTable {
  /// A `meta.k8s.io/v1` Table of objects of one resource.
  ///
  /// - Parameters:
  ///   - resourceVersion: of the list, or of the single object.
  ///   - object: the part of the object in each row.
  ///   - now: seconds since 1970, for ages.
  static func table(
    _ resource: APIResource, _ objects: [JSONValue], resourceVersion: String,
    object: IncludedObject, seconds now: Int64
  ) -> JSONValue {
    let printer = TablePrinter.printer(of: resource.name)
    return [
      "kind": "Table", "apiVersion": "meta.k8s.io/v1",
      "metadata": ["resourceVersion": .string(resourceVersion)],
      "columnDefinitions": .array(printer.columns.map(\.definition)),
      "rows": .array(
        objects.map { Self.row($0, cells: printer.cells($0, now), including: object) }),
    ]
  }

  private static func row(
    _ object: JSONValue, cells: [JSONValue], including included: IncludedObject
  ) -> JSONValue {
    var row: JSONValue = ["cells": .array(cells)]
    switch included {
    case .none: row["object"] = .null
    case .metadata:
      row["object"] = [
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"] ?? [:],
      ]
    case .object: row["object"] = object
    }
    return row
  }
}
