/// Names, labels, annotations, owners and finalizers of an object.
///
/// Source: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`.
extension PodValidation {
  mutating func check(metadata: ObjectField, name: NameRule, isNamespaced: Bool) {
    if !metadata["generateName"].text.isEmpty {
      // A name is made of it: it may end with a hyphen.
      let prefix = metadata["generateName"]
      for problem in name.problems(prefix.text.hasSuffix("-") ? prefix.text + "a" : prefix.text) {
        self.invalid(prefix, problem)
      }
    }
    if metadata["name"].text.isEmpty {
      self.required(metadata["name"], "name or generateName is required")
    } else {
      self.check(metadata["name"], name)
    }
    if isNamespaced { self.require(metadata["namespace"], .label) }
    self.checkNotNegative(metadata["generation"])
    self.check(labels: metadata["labels"])
    self.check(annotations: metadata["annotations"])
    self.check(owners: metadata["ownerReferences"])
    self.check(finalizers: metadata["finalizers"])
  }

  mutating func check(labels: ObjectField) {
    for (key, value) in labels.members {
      self.check(labelName: key, at: labels)
      for problem in NameRule.labelValue.problems(value.text) {
        self.invalid(labels, problem, value: value.value)
      }
    }
  }

  mutating func check(labelName name: String, at field: ObjectField) {
    for problem in NameRule.qualifiedName.problems(name) {
      self.invalid(field, problem, value: .string(name))
    }
  }

  /// The size of all annotations together, in bytes.
  private static let annotationSize = 256 << 10

  mutating func check(annotations: ObjectField) {
    var size = 0
    for (key, value) in annotations.members {
      size += key.utf8.count + value.text.utf8.count
      // An annotation's prefix may have upper-case letters.
      for problem in NameRule.qualifiedName.problems(key.lowercased()) {
        self.invalid(annotations, problem, value: .string(key))
      }
    }
    if size > Self.annotationSize { self.tooLong(annotations, Self.annotationSize) }
  }

  private mutating func check(owners: ObjectField) {
    var controller: String?
    for owner in owners.elements.map({ ObjectField($0.value, at: owners.path) }) {
      if owner["apiVersion"].text.isEmpty {
        self.invalid(owner["apiVersion"], "version must not be empty")
      }
      for name in ["kind", "name", "uid"] where owner[name].text.isEmpty {
        self.invalid(owner[name], "must not be empty")
      }
      if owner["apiVersion"].text == "v1", owner["kind"].text == "Event" {
        self.invalid(owner, "/v1, Kind=Event is disallowed from being an owner")
      }
      guard owner["controller"].isTrue else { continue }
      if let controller {
        self.invalid(
          owners,
          "Only one reference can have Controller set to true. Found \"true\" in references for "
            + "\(controller) and \(owner["name"].text)")
      }
      controller = owner["name"].text
    }
  }

  private static let finalizers: Set<String> = ["kubernetes", "orphan", "foregroundDeletion"]

  private mutating func check(finalizers: ObjectField) {
    for finalizer in finalizers.elements { self.check(finalizer, .qualifiedName) }
    let names = finalizers.elements.map(\.text)
    if names.contains("orphan"), names.contains("foregroundDeletion") {
      self.invalid(finalizers, "finalizer orphan and foregroundDeletion cannot be both set")
    }
    for finalizer in finalizers.elements
    where !finalizer.text.contains("/") && !Self.finalizers.contains(finalizer.text) {
      self.invalid(
        finalizer, "name is neither a standard finalizer name nor is it fully qualified")
    }
  }
}
