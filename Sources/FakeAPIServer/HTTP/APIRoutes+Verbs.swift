import HTTPTypes
import Hummingbird
import KubernetesObjects

extension APIRoutes {
  func verb(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    let place = call.place
    let objects = self.objects.dryRun(try call.isDryRun())
    switch (request.method, place.name) {
    case (.get, nil):
      return call.isTrue("watch")
        ? try await self.watch(call, request) : try await self.list(call)
    case (.get, let name?):
      return Self.one(try await objects.get(place.key(name)), call)
    case (.post, nil):
      let (body, warnings) = try await Self.checked(call, request)
      let created = try await objects.create(place.resource, place.namespace, body)
      return Self.one(created, call, code: 201).warning(warnings)
    case (.put, let name?):
      let (body, warnings) = try await Self.checked(call, request)
      let (object, isNew) = try await objects.update(
        place.key(name), part: place.subresource, body)
      return Self.one(object, call, code: isNew ? 201 : 200).warning(warnings)
    case (.patch, let name?):
      let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }
      guard Patch.contentTypes.contains(String(type)) else {
        throw .unsupportedMediaType(accepted: Patch.contentTypes)
      }
      let bytes = try await Self.body(request)
      let (object, warnings) = try await objects.patch(
        place.key(name), part: place.subresource,
        try Patch(contentType: String(type), body: try RequestBody.json(bytes)),
        try FieldValidation(call.query["fieldValidation"]),
        duplicates: FieldValidation.duplicates(in: bytes))
      return Self.one(object, call).warning(warnings)
    case (.delete, let name?) where place.subresource == nil:
      let options = try await self.options(call, request)
      let (object, isGone) = try await objects.dryRun(options.isDryRun)
        .delete(place.key(name), options)
      // The answer for a pod is the pod, and for another object that is gone a Status.
      return place.resource == .pods || !isGone
        ? Self.one(object, call) : Self.json(Self.success(object, place.resource))
    case (.delete, nil): return try await self.deleteAll(call, request)
    default: throw .methodNotAllowed
    }
  }

  private func options(
    _ call: Call, _ request: Request
  ) async throws(APIFailure) -> DeleteOptions {
    let bytes = try await Self.body(request)
    let body =
      bytes.isEmpty
      ? [:]
      : try RequestBody.object(bytes, contentType: request.headers[.contentType])
    return try DeleteOptions(body, query: call.query)
  }

  private func list(_ call: Call) async throws(APIFailure) -> Response {
    let place = call.place
    let (objects, index) = try await self.objects.list(
      place.resource, place.namespace, try call.selection())
    let page = try ListPage(
      objects, limit: try call.number("limit") ?? 0,
      after: call.query["continue"].flatMap { $0.isEmpty ? nil : $0 }, index: index)
    var metadata: JSONValue = ["resourceVersion": .string(String(index))]
    if let next = page.next {
      metadata["continue"] = .string(next)
      metadata["remainingItemCount"] = .integer(Int64(page.rest))
    }
    if case .table = call.form {
      var table = call.table(page.items.map(\.object), resourceVersion: String(index))
      table["metadata"] = metadata
      return Self.json(table)
    }
    return Self.list(page.items, of: place.resource, metadata)
  }

  private func deleteAll(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    let place = call.place
    guard place.resource.verbs.contains("deletecollection") else { throw .methodNotAllowed }
    let options = try await self.options(call, request)
    let (objects, index) = try await self.objects.list(
      place.resource, place.namespace, try call.selection())
    try await self.objects.dryRun(try call.isDryRun() || options.isDryRun)
      .delete(objects, of: place.resource, options)
    return Self.list(
      objects, of: place.resource, ["resourceVersion": .string(String(index))])
  }

  func bind(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    guard request.method == .post, let name = call.place.name else { throw .methodNotAllowed }
    try await self.objects.dryRun(try call.isDryRun())
      .bind(call.place.key(name), try await Self.object(request))
    return Self.json(
      ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201],
      code: 201)
  }

  /// Deletes a pod. There are no disruption budgets that could forbid it.
  ///
  /// Source: `registry/core/pod/storage/eviction.go`.
  func evict(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    guard request.method == .post, let name = call.place.name else { throw .methodNotAllowed }
    let eviction = try await Self.object(request)
    guard eviction.metadata.name == name else {
      throw .badRequest("name in URL does not match name in Eviction object")
    }
    let options = try DeleteOptions(eviction["deleteOptions"] ?? [:])
    _ = try await self.objects.dryRun(try call.isDryRun() || options.isDryRun)
      .delete(call.place.key(name), options)
    return Self.json(
      ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201],
      code: 201)
  }

  // MARK: Request bodies

  /// The real server's limit. Source: `k8s.io/apiserver`, MaxRequestBodyBytes.
  private static let largestBody = 3 << 20

  private static func body(_ request: Request) async throws(APIFailure) -> [UInt8] {
    do {
      return Array(try await request.body.collect(upTo: Self.largestBody).readableBytesView)
    } catch {
      throw APIFailure.tooLarge(limit: Self.largestBody)
    }
  }

  /// The body's object with the fields that its kind has, and warnings about others.
  private static func checked(
    _ call: Call, _ request: Request
  ) async throws(APIFailure) -> (object: JSONValue, warnings: [String]) {
    let validation = try FieldValidation(call.query["fieldValidation"])
    let bytes = try await Self.body(request)
    var problems: [String] = []
    let object = try RequestBody.object(bytes, contentType: request.headers[.contentType]) {
      problems.append($0)
    }
    let (resource, part) = (call.place.resource, call.place.subresource)
    let kind = part == "scale" ? "Scale" : resource.kind
    // An object of another kind is refused as such.
    guard [nil, kind].contains(object["kind"].text) else { return (object, []) }
    var known = object
    problems += ObjectSchema.type(of: resource, part: part).dropUnknown(&known)
    if validation == .strict, !problems.isEmpty {
      throw .badRequest(
        "\(kind) in version \"v1\" cannot be handled as a \(kind): \(FieldValidation.text(problems))"
      )
    }
    return (known, validation == .warn ? problems : [])
  }

  private static func object(_ request: Request) async throws(APIFailure) -> JSONValue {
    try RequestBody.object(
      try await Self.body(request), contentType: request.headers[.contentType])
  }
}

extension Response {
  /// The same with headers `Warning`. Source: `k8s.io/apimachinery/pkg/util/net` NewWarningHeader.
  fileprivate func warning(_ texts: [String]) -> Response {
    guard let name = HTTPField.Name("Warning") else { return self }
    var response = self
    for text in texts {
      let quoted = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      response.headers.append(HTTPField(name: name, value: "299 - \"\(quoted)\""))
    }
    return response
  }
}
