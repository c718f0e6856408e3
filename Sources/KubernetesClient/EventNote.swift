/// What an event is about.
public struct EventSubject: Hashable, Sendable {
  public var kind: String
  /// Empty for an object in no namespace, such as a node; its events are in `default`.
  public var namespace: String
  public var name: String
  public var uid: String
  /// A part of the object: `spec.containers{main}`.
  public var fieldPath: String?

  public init(
    kind: String, namespace: String = "", name: String, uid: String, fieldPath: String? = nil
  ) {
    self.kind = kind
    self.namespace = namespace
    self.name = name
    self.uid = uid
    self.fieldPath = fieldPath
  }
}

/// The content of an event.
public struct EventNote: Hashable, Sendable {
  public var isWarning: Bool
  /// One word for programs, such as `Started`.
  public var reason: String
  /// A sentence for people.
  public var message: String

  public init(isWarning: Bool = false, reason: String, message: String) {
    self.isWarning = isWarning
    self.reason = reason
    self.message = message
  }
}
