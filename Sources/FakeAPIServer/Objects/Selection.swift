import KubernetesObjects

/// The objects of a list or a watch that a client selects.
struct Selection: Equatable, Sendable {
  var labels = LabelSelector()
  var fields = FieldSelector()

  func matches(_ object: JSONValue) -> Bool {
    self.labels.matches(object) && self.fields.matches(object)
  }

  var isEverything: Bool { self == Selection() }
}
