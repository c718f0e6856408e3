import FoundationEssentials
import Hummingbird
import KubernetesObjects
import NIOCore
import PrometheusText

/// What the server's paths answer.
struct APIRoutes: Sendable {
  let objects: Objects
  let watches: Watches
  let kubelets: KubeletProxy
  let metrics: RequestCounts

  /// As large as the real one takes. Source: `k8s.io/apiserver`, MaxRequestBodyBytes.
  private static let largestBody = 3 << 20

  func respond(to request: Request) async -> Response {
    let path = APIPath.decoded(request.uri.path)
    let response: Response
    do throws(APIFailure) {
      response = try await self.answer(request, path)
    } catch {
      response = Self.json(error.status, code: error.code)
    }
    self.metrics.count(method: request.method.rawValue, code: response.status.code)
    return response
  }

  private func answer(_ request: Request, _ path: String) async throws(APIFailure) -> Response {
    let accept = request.headers[.accept] ?? "*/*"
    switch path {
    case "/healthz/ping": return Self.text("ok")
    case "/healthz", "/livez", "/readyz": return await self.health(path)
    case "/metrics":
      return Response(
        status: .ok, headers: [.contentType: "\(MetricsPage.contentType)"],
        body: .init(byteBuffer: ByteBuffer(string: self.metrics.page(self.watches.counts))))
    default: break
    }
    if request.method == .get {
      if let (type, body) = Discovery.answer(path: path, accept: accept) {
        return Self.bytes(body.utf8 + [UInt8(ascii: "\n")], type: type)
      }
      if let (type, body) = OpenAPI.answer(path: path, accept: accept) {
        return Self.bytes(body, type: type)
      }
    }
    guard let place = APIPath(path) else {
      return Response(
        status: .notFound, headers: [.contentType: "text/plain; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: "404 page not found\n")))
    }
    let form = try AnswerForm(accept: accept, isTablePossible: request.method == .get)
    let call = Call(place: place, form: form, query: Self.query(of: request))
    switch place.subresource {
    case "log": return try await self.log(call, request)
    case "proxy": return try await self.proxy(call, request)
    case "binding": return try await self.bind(call, request)
    default: return try await self.verb(call, request)
    }
  }

  /// Whether etcd answers: without it nothing is served.
  private func health(_ path: String) async -> Response {
    do throws(APIFailure) {
      _ = try await self.objects.store.list(.namespaces, nil)
      return Self.text("ok")
    } catch {
      let text = "[+]ping ok\n[-]etcd failed: \(error.message)\n\(path.dropFirst()) check failed\n"
      return Self.bytes(Array(text.utf8), type: "text/plain; charset=utf-8", code: 500)
    }
  }

  /// A request about objects.
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

    /// - Throws: 422 when something else is wanted than a dry run of all stages.
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
  }

  // MARK: Verbs

  private func verb(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    let place = call.place
    let objects = self.objects.dryRun(try call.isDryRun())
    switch (request.method, place.name) {
    case (.get, nil):
      return call.isTrue("watch")
        ? try await self.watch(call, request) : try await self.list(call)
    case (.get, let name?):
      let object = try await objects.get(place.resource, place.namespace, name)
      return Self.one(object, call)
    case (.post, nil):
      let body = try await Self.object(request)
      let created = try await objects.create(place.resource, place.namespace, body)
      return Self.one(created, call, code: 201)
    case (.put, let name?):
      let body = try await Self.object(request)
      return Self.one(
        try await objects.update(
          place.resource, place.namespace, name, part: place.subresource, body), call)
    case (.patch, let name?):
      let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }
      guard Patch.contentTypes.contains(String(type)) else {
        throw .unsupportedMediaType(accepted: Patch.contentTypes)
      }
      let patch = try Patch(
        contentType: String(type), body: try RequestBody.json(try await Self.body(request)))
      return Self.one(
        try await objects.patch(
          place.resource, place.namespace, name, part: place.subresource, patch), call)
    case (.delete, let name?) where place.subresource == nil:
      let options = try await self.options(call, request)
      let (object, isGone) = try await objects.dryRun(options.isDryRun).delete(
        place.resource, place.namespace, name, options)
      // Of a pod the answer is the pod, of what is gone that it is.
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
    return try DeleteOptions(body, query: call.query["gracePeriodSeconds"])
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
      var table = ResourceTable.table(
        place.resource, page.items.map(\.object), resourceVersion: String(index),
        object: call.included,
        seconds: Self.now)
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
    let remaining = self.objects.dryRun(try call.isDryRun() || options.isDryRun)
    for object in objects {
      do throws(APIFailure) {
        _ = try await remaining.delete(
          place.resource, object.object["metadata"]?["namespace"]?.string,
          object.object["metadata"]?["name"]?.string ?? "", options)
      } catch {
        guard error.code == 404 else { throw error }
      }
    }
    return Self.list(
      objects, of: place.resource, ["resourceVersion": .string(String(index))])
  }

  private func bind(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    guard request.method == .post, let namespace = call.place.namespace, let name = call.place.name
    else { throw .methodNotAllowed }
    try await self.objects.dryRun(try call.isDryRun())
      .bind(namespace, name, try await Self.object(request))
    return Self.json(
      ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201],
      code: 201)
  }

  // MARK: Reading requests

  private static func query(of request: Request) -> [String: String] {
    Dictionary(request.uri.queryParameters.map { (String($0.key), String($0.value)) }) { $1 }
  }

  private static func body(_ request: Request) async throws(APIFailure) -> [UInt8] {
    do {
      return Array(try await request.body.collect(upTo: Self.largestBody).readableBytesView)
    } catch {
      throw APIFailure.tooLarge(limit: Self.largestBody)
    }
  }

  private static func object(_ request: Request) async throws(APIFailure) -> JSONValue {
    try RequestBody.object(
      try await Self.body(request), contentType: request.headers[.contentType])
  }

  // MARK: Answers

  /// Seconds since 1970.
  static var now: Int64 { Int64(Date.now.timeIntervalSince1970) }

  private static func one(_ object: JSONValue, _ call: Call, code: Int = 200) -> Response {
    if call.place.subresource == "scale" { return Self.json(Scale.of(object), code: code) }
    guard case .table = call.form else { return Self.json(object, code: code) }
    return Self.json(
      ResourceTable.table(
        call.place.resource, [object],
        resourceVersion: object["metadata"]?["resourceVersion"]?.string ?? "",
        object: call.included, seconds: Self.now))
  }

  /// The objects' texts are there; only what is around them is written.
  private static func list(
    _ objects: [ShownObject], of resource: APIResource, _ metadata: JSONValue
  ) -> Response {
    let around: JSONValue = [
      "kind": .string("\(resource.kind)List"), "apiVersion": .string(resource.apiVersion),
      "metadata": metadata,
    ]
    let length = objects.reduce(0) { $0 + $1.json.count + 1 }
    var body = ByteBuffer()
    body.reserveCapacity(length + 512)
    body.writeBytes(around.utf8.dropLast())
    body.writeString(",\"items\":[")
    for (position, object) in objects.enumerated() {
      if position > 0 { body.writeString(",") }
      body.writeBytes(object.json)
    }
    body.writeString("]}\n")
    return Response(
      status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: body))
  }

  private static func success(_ object: JSONValue, _ resource: APIResource) -> JSONValue {
    var details: JSONValue = ["kind": .string(resource.name)]
    details["name"] = object["metadata"]?["name"]
    details["uid"] = object["metadata"]?["uid"]
    if !resource.group.isEmpty { details["group"] = .string(resource.group) }
    return [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success",
      "details": details,
    ]
  }

  static func json(_ value: JSONValue, code: Int = 200) -> Response {
    Self.bytes(value.utf8 + [UInt8(ascii: "\n")], type: "application/json", code: code)
  }

  private static func bytes(_ bytes: [UInt8], type: String, code: Int = 200) -> Response {
    Response(
      status: .init(code: code), headers: [.contentType: type],
      body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  static func text(_ text: String) -> Response {
    Self.bytes(Array(text.utf8), type: "text/plain; charset=utf-8")
  }
}

extension APIRoutes.Call {
  /// What a table's rows carry.
  var included: IncludedObject {
    self.query["includeObject"].flatMap { IncludedObject(rawValue: $0) } ?? .metadata
  }
}

/// In which form a client wants objects.
enum AnswerForm: Equatable, Sendable {
  case object
  case table

  /// - Throws: 406 when it is none that there is here.
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

extension APIFailure {
  /// Source: `k8s.io/apimachinery/pkg/apis/meta/v1/validation` ValidateDryRun.
  static func badDryRun(_ text: String) -> Self {
    Self(
      code: 422, reason: "Invalid",
      message: "dryRun: Unsupported value: [\"\(text)\"]: supported values: \"All\"")
  }

  static func tooLarge(limit: Int) -> Self {
    Self(
      code: 413, reason: "RequestEntityTooLarge",
      message: "Request entity too large: limit is \(limit)")
  }
}

extension APIPath {
  /// Without percent signs; bad ones stay as they are.
  static func decoded(_ path: String) -> String { path.removingPercentEncoding ?? path }
}
