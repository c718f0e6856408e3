extension JSONValue {
  /// The condition of a type in an object's status.
  package func condition(_ type: String) -> JSONValue? {
    self["status"]?["conditions"]?.elements.first { $0["type"]?.string == type }
  }

  /// `True`, `False` or `Unknown`; `nil` when the object has no such condition.
  package func conditionStatus(_ type: String) -> String? {
    self.condition(type)?["status"]?.string
  }
}

/// Accessors for a pod.
extension JSONValue {
  /// An annotation that marks a pod as a static pod's mirror; its value is the static pod's uid.
  package static let mirrorAnnotation = "kubernetes.io/config.mirror"

  /// The node that the pod is bound to; empty for none.
  package var nodeName: String { self["spec"]?["nodeName"]?.string ?? "" }
  package var phase: String { self["status"]?["phase"]?.string ?? "" }
  /// Whether the pod has failed or succeeded, which is final.
  package var hasEnded: Bool { self.phase == "Failed" || self.phase == "Succeeded" }
  package var isMirror: Bool { self.metadata.annotations[Self.mirrorAnnotation] != nil }
}

extension JSONValue? {
  /// A text that is not empty: Go makes no difference between an absent and an empty one.
  package var text: String? { self?.string.flatMap { $0.isEmpty ? nil : $0 } }

  /// A value that is there and not null.
  package var present: JSONValue? { self == .null ? nil : self }
}

extension StringProtocol {
  /// Without such characters at both ends.
  package func trimmed(_ isBlank: (Character) -> Bool) -> String {
    String(self.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }
}

extension JSONValue {
  package static func strings(_ texts: some Sequence<String>) -> Self {
    .array(texts.map { .string($0) })
  }
}
