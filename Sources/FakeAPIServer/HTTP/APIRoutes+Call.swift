import FoundationEssentials
import KubernetesObjects

extension APIRoutes {
  /// A request about objects: its path, the form of its answer and its query.
  struct Call: Sendable {
    let place: APIPath
    let form: AnswerForm
    let query: [String: String]

    func isTrue(_ parameter: String) -> Bool {
      ["true", "1"].contains(self.query[parameter] ?? "")
    }

    func selection() throws(APIFailure) -> Selection {
      var selection = Selection()
      if let text = self.query["labelSelector"] { selection.labels = try LabelSelector(text) }
      if let text = self.query["fieldSelector"] {
        selection.fields = try FieldSelector(text, of: self.place.resource)
      }
      return selection
    }

    /// - Throws: 422 for any value but `All`.
    func isDryRun() throws(APIFailure) -> Bool {
      guard let text = self.query["dryRun"] else { return false }
      guard text == "All" else { throw .badDryRun(text) }
      return true
    }

    func number(_ parameter: String) throws(APIFailure) -> Int? {
      guard let text = self.query[parameter], !text.isEmpty else { return nil }
      guard let number = Int(text) else {
        throw .badRequest("\(parameter): \"\(text)\" is no number")
      }
      return number
    }

    func table(_ objects: [JSONValue], resourceVersion: String) -> JSONValue {
      ResourceTable.table(
        self.place.resource, objects, resourceVersion: resourceVersion,
        object: self.query["includeObject"].flatMap { IncludedObject(rawValue: $0) } ?? .metadata,
        seconds: Int64(Date.now.timeIntervalSince1970))
    }
  }
}
