import KubernetesObjects

/// What the tests of the presentation share.
package enum Samples {
  /// 2026-01-02T03:04:05Z
  package static let now: Int64 = 1_767_323_045

  /// A value, written as YAML, of which JSON is a part.
  package static func json(_ text: String) throws -> JSONValue {
    // A text that begins with a brace would be taken for JSON.
    try ManifestText.value(of: Array("# YAML\n\(text)".utf8))
  }

  package static let namespace: JSONValue = [
    "kind": "Namespace", "apiVersion": "v1",
    "metadata": [
      "name": "a", "generateName": "b-", "uid": "uid", "resourceVersion": "7",
      "labels": ["role": "master", "empty": ""], "annotations": ["note": "größer"],
      "finalizers": ["x/y", "z"],
    ],
    "spec": ["finalizers": ["kubernetes"]], "status": ["phase": "Active"],
  ]
}
