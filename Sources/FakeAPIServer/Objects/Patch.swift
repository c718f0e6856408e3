import KubernetesObjects

/// A partial change of an object.
enum Patch: Equatable, Sendable {
  /// RFC 7386.
  case merge(JSONValue)
  /// The same, with lists of keyed entries merged entry by entry.
  case strategic(JSONValue)
  /// RFC 6902.
  case operations([JSONValue])

  /// - Throws: 415 for an unknown content type, 400 for a body of another form.
  init(contentType: String, body: JSONValue) throws(APIFailure) {
    switch contentType {
    case "application/merge-patch+json": self = .merge(body)
    case "application/strategic-merge-patch+json": self = .strategic(body)
    case "application/json-patch+json":
      guard case .array(let operations) = body else {
        throw .badRequest(
          "json: cannot unmarshal \(body.kind) into Go value of type jsonpatch.Patch")
      }
      self = .operations(operations)
    default: throw .unsupportedMediaType(accepted: Self.contentTypes)
    }
    if case .operations = self { return }
    guard case .object = body else {
      throw .badRequest(
        "json: cannot unmarshal \(body.kind) into Go value of type map[string]interface {}")
    }
  }

  static let contentTypes = [
    "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
  ]

  /// - Throws: 400 for an unknown directive, 422 when an operation does not apply to the object.
  func applied(to object: JSONValue) throws(APIFailure) -> JSONValue {
    switch self {
    case .merge(let patch): return Self.merged(object, patch)
    case .strategic(let patch): return try Self.strategic(object, patch, field: "")
    case .operations(let operations):
      var object = object
      for operation in operations { object = try Self.carryOut(operation, on: object) }
      return object
    }
  }

  // MARK: RFC 7386

  private static func merged(_ target: JSONValue?, _ patch: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    var members = target?.members ?? [:]
    for (key, change) in changes {
      // In a conditional expression `nil` would become JSON's null.
      if change == .null {
        members.removeValue(forKey: key)
      } else {
        members[key] = Self.merged(members[key], change)
      }
    }
    return .object(members)
  }

  // MARK: Strategic merge

  /// The key of a list's entries; `nil` for a list that is replaced as a whole.
  ///
  /// Source: the `patchMergeKey` tags in `k8s.io/api/core/v1/types.go`.
  private static func mergeKey(of field: String, _ entries: [JSONValue]) -> String? {
    switch field {
    case "containers", "initContainers", "ephemeralContainers", "env", "volumes",
      "imagePullSecrets":
      "name"
    case "ports": entries.contains { $0["port"] != nil } ? "port" : "containerPort"
    case "volumeMounts": "mountPath"
    case "volumeDevices": "devicePath"
    case "hostAliases": "ip"
    case "conditions", "addresses": "type"
    case "ownerReferences": "uid"
    case "topologySpreadConstraints": "topologyKey"
    default: nil
    }
  }

  private static func strategic(
    _ target: JSONValue?, _ patch: JSONValue, field: String
  ) throws(APIFailure) -> JSONValue {
    switch patch {
    case .object(var changes):
      switch try Self.directive(of: patch) {
      case .replace:
        changes["$patch"] = nil
        return .object(changes)
      case .delete: return [:]
      case .merge: break
      }
      var members = target?.members ?? [:]
      for (key, change) in changes {
        if key == "$retainKeys" {
          let kept = Set(change.elements.compactMap(\.string))
          members = members.filter { kept.contains($0.key) }
        }
        if let list = key.removingPrefix("$deleteFromPrimitiveList/") {
          members[list] = .array(
            (members[list]?.elements ?? []).filter { !change.elements.contains($0) })
        }
      }
      for (key, change) in changes where !key.hasPrefix("$") {
        if change == .null {
          members.removeValue(forKey: key)
        } else {
          members[key] = try Self.strategic(members[key], change, field: key)
        }
      }
      for (key, order) in changes {
        guard let list = key.removingPrefix("$setElementOrder/"), let entries = members[list]
        else { continue }
        members[list] = Self.ordered(entries.elements, order.elements, field: list)
      }
      return .object(members)
    case .array(let entries):
      if field == "finalizers" {
        let former = target?.elements ?? []
        return .array(former + entries.filter { !former.contains($0) })
      }
      let directives = try entries.map { (entry) throws(APIFailure) in
        try Self.directive(of: entry)
      }
      if directives.contains(.replace) {
        return .array(entries.filter { $0["$patch"] == nil })
      }
      guard let key = Self.mergeKey(of: field, entries) else {
        if directives.contains(.delete) {
          throw .badRequest("delete patch type with no merge key defined: \(field)")
        }
        return patch
      }
      var list = target?.elements ?? []
      for (entry, directive) in zip(entries, directives) {
        let index = list.firstIndex { $0[key] == entry[key] }
        if directive == .delete {
          if entry[key] == nil {
            throw .badRequest("map: \(entry) does not contain declared merge key: \(key)")
          }
          list.removeAll { $0[key] == entry[key] }
        } else if let index {
          list[index] = try Self.strategic(list[index], entry, field: "")
        } else {
          list.append(try Self.strategic(nil, entry, field: ""))
        }
      }
      return .array(list)
    default: return patch
    }
  }

  /// What a map's or an entry's `$patch` asks for.
  private enum Directive: String {
    case merge, replace, delete
  }

  /// Source: `k8s.io/apimachinery/pkg/util/strategicpatch/patch.go` handleDirectiveInMergeMap.
  private static func directive(of patch: JSONValue) throws(APIFailure) -> Directive {
    guard let text = patch["$patch"] else { return .merge }
    guard let directive = text.string.flatMap(Directive.init) else {
      throw .badRequest("unknown patch type found: \(text)")
    }
    return directive
  }

  /// Named entries come first, in the given order; the others follow in their old order.
  private static func ordered(
    _ entries: [JSONValue], _ order: [JSONValue], field: String
  ) -> JSONValue {
    let key = Self.mergeKey(of: field, order)
    func rank(_ entry: JSONValue) -> Int {
      order.firstIndex { named in key.map { named[$0] == entry[$0] } ?? (named == entry) }
        ?? order.count
    }
    return .array(
      entries.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }
        .map(\.element))
  }

  // MARK: RFC 6902

  private static func carryOut(
    _ operation: JSONValue, on object: JSONValue
  ) throws(APIFailure) -> JSONValue {
    func path(_ field: String) throws(APIFailure) -> [String] {
      guard let text = operation[field]?.string, text.isEmpty || text.hasPrefix("/") else {
        throw .badRequest("a JSON patch's operation has no \(field): \(operation)")
      }
      return text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
        String($0.replacing("~1", with: "/").replacing("~0", with: "~"))
      }
    }
    let target = try path("path")
    func failure(_ what: String) -> APIFailure {
      APIFailure.unprocessable(
        "\(operation["op"]?.string ?? "") operation does not apply: \(what): \(operation["path"] ?? "")"
      )
    }
    let value = operation["value"] ?? .null
    switch operation["op"]?.string {
    case "add": return try Self.edited(object, target[...], failure, value)
    case "replace", "remove":
      guard Self.value(of: object, at: target) != nil else {
        throw failure("there is no such path")
      }
      return try Self.edited(
        object, target[...], failure, isReplacement: true,
        operation["op"] == "remove" ? Optional.none : value)
    case "test":
      guard Self.value(of: object, at: target) == value else { throw failure("test failed") }
      return object
    case "move", "copy":
      let origin = try path("from")
      guard let moved = Self.value(of: object, at: origin) else {
        throw failure("there is no such path as from")
      }
      let rest =
        operation["op"]?.string == "copy"
        ? object
        : try Self.edited(object, origin[...], failure, isReplacement: true, nil)
      return try Self.edited(rest, target[...], failure, moved)
    default: throw .badRequest("a JSON patch's operation is \(operation["op"] ?? .null)")
    }
  }

  private static func value(of object: JSONValue, at path: [String]) -> JSONValue? {
    path.reduce(object as JSONValue?) { value, step in
      guard case .array(let elements)? = value else { return value?[step] }
      return Int(step).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
    }
  }

  /// - Parameter value: the new one; no value removes the old one.
  private static func edited(
    _ object: JSONValue, _ path: ArraySlice<String>, _ failure: (String) -> APIFailure,
    isReplacement: Bool = false, _ value: JSONValue?
  ) throws(APIFailure) -> JSONValue {
    guard let step = path.first else { return value ?? .null }
    let isLast = path.count == 1
    switch object {
    case .object(var members):
      if isLast {
        members[step] = value
      } else {
        guard let child = members[step] else { throw failure("\(step) is not there") }
        members[step] = try Self.edited(
          child, path.dropFirst(), failure, isReplacement: isReplacement, value)
      }
      return .object(members)
    case .array(var elements):
      let index = step == "-" ? elements.count : Int(step) ?? -1
      guard (0...elements.count).contains(index) else { throw failure("\(step) is no index here") }
      guard isLast else {
        guard index < elements.count else { throw failure("\(step) is not there") }
        elements[index] = try Self.edited(
          elements[index], path.dropFirst(), failure, isReplacement: isReplacement, value)
        return .array(elements)
      }
      if isReplacement, index < elements.count { elements.remove(at: index) }
      if let value { elements.insert(value, at: index) }
      return .array(elements)
    default: throw failure("\(step) is below a value")
    }
  }
}

extension String {
  fileprivate func removingPrefix(_ prefix: String) -> String? {
    self.hasPrefix(prefix) ? String(self.dropFirst(prefix.count)) : nil
  }
}
