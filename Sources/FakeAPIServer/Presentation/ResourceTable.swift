import KubernetesObjects

/// What a table carries of each object besides its line: the query parameter `includeObject`.
enum IncludedObject: String, Sendable {
  /// Nothing: `None`.
  case none = "None"
  /// Its metadata, the default: `Metadata`.
  case metadata = "Metadata"
  /// All of it: `Object`.
  case object = "Object"
}

/// Answers in the form that `kubectl get` prints: it shows the columns that the server computes.
enum ResourceTable {
  /// A `meta.k8s.io/v1` Table of some objects of a resource, in their order.
  ///
  /// - Parameters:
  ///   - resourceVersion: that of the list, or of the one object.
  ///   - object: what each row carries.
  ///   - now: seconds since 1970, from which ages are counted.
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
