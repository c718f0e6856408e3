/// The form in which a client wants objects.
enum AnswerForm: Equatable, Sendable {
  case object
  case table

  /// - Throws: 406 for a form that this server does not have.
  init(accept: String, isTablePossible: Bool) throws(APIFailure) {
    for type in AcceptedType.all(accept) {
      guard ["application/json", "application/*", "*/*"].contains(type.name) else { continue }
      switch type["as"] {
      case nil: self = .object
      case "Table" where isTablePossible && type["g"] == "meta.k8s.io": self = .table
      default: continue
      }
      return
    }
    throw .notAcceptable
  }
}
