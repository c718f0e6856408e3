import APIServerClient
import Foundation
import Hummingbird
import Logging
import NIOCore

/// As much of an API server as its clients here need, in memory, over a real socket: objects of any kind by
/// their paths, versions, conflicts, watches, preconditions, graceful deletion of pods, bindings.
public final class SmallAPIServer: Sendable {
  struct State: Sendable {
    var objects: [String: JSONValue] = [:]
    var version = 0
    /// What happened, by version: the collection, the type, the object.
    var log: [(version: Int, path: String, type: String, object: JSONValue)] = []
    var isDown = false
    var watchesEnd = 0
  }

  private let state = Guarded(State())
  /// Collections that are accepted in these namespaces alone, as with a real server.
  private let namespaces: Set<String>

  public init(namespaces: Set<String> = ["default", "kube-system", "kube-node-lease"]) {
    self.namespaces = namespaces
  }

  /// While it is down every request gets 503, and watches end.
  public func set(isDown: Bool) { self.state.change { $0.isDown = isDown } }

  /// Ends all watches that are under way.
  public func endWatches() { self.state.change { $0.watchesEnd += 1 } }

  /// Forgets what happened: watches from before get 410.
  public func forget() { self.state.change { $0.log = [] } }

  /// Runs `body` with a server on a port of the kernel's choice.
  public static func with<Value: Sendable>(
    _ server: SmallAPIServer = SmallAPIServer(),
    _ body: (SmallAPIServer, String) async throws -> Value
  ) async throws -> Value {
    let (started, announcement) = AsyncStream.makeStream(of: Int.self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { announcement.finish() }
        var logger = Logger(label: "small-apiserver")
        logger.logLevel = .critical
        try await Application(
          router: server.router(), configuration: .init(address: .hostname("127.0.0.1", port: 0)),
          onServerRunning: { announcement.yield($0.localAddress?.port ?? 0) }, logger: logger
        ).run()
      }
      defer { group.cancelAll() }
      for await port in started { return try await body(server, "http://127.0.0.1:\(port)") }
      try await group.waitForAll()
      throw CancellationError()
    }
  }

  private struct Refusal: Error {
    var status: Int
    var reason: String
    var message: String
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    for method in [.get, .post, .put, .patch, .delete] as [HTTPRequest.Method] {
      router.on("**", method: method) { request, _ in try await self.answer(request) }
    }
    return router
  }

  private func answer(_ request: Request) async throws -> Response {
    let buffer = try await request.body.collect(upTo: 16 << 20)
    let body: JSONValue =
      buffer.readableBytes == 0
      ? .null : try JSONDecoder().decode(JSONValue.self, from: Data(buffer.readableBytesView))
    let query = Dictionary(
      request.uri.queryParameters.map { (String($0.key), String($0.value)) }
    ) { $1 }
    let path = request.uri.path
    do throws(Refusal) {
      if self.state.value.isDown {
        throw Refusal(status: 503, reason: "ServiceUnavailable", message: "down")
      }
      if request.method == .get, query["watch"] == "true" { return try self.watch(path, query) }
      var failure: Refusal?
      let result = self.state.change { state -> JSONValue in
        do throws(Refusal) {
          return try self.apply(request.method, path, query, body, &state)
        } catch {
          failure = error
          return .null
        }
      }
      if let failure { throw failure }
      return Self.json(result, request.method == .post ? .created : .ok)
    } catch {
      return Self.json(
        [
          "kind": "Status", "apiVersion": "v1", "status": "Failure",
          "reason": .string(error.reason), "message": .string(error.message),
          "code": .integer(Int64(error.status)),
        ], .init(code: error.status))
    }
  }

  private static func json(_ value: JSONValue, _ status: HTTPResponse.Status) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(string: "\(value)")))
  }

  // MARK: - Watches

  private func watch(_ path: String, _ query: [String: String]) throws(Refusal) -> Response {
    let from = Int(query["resourceVersion"] ?? "") ?? 0
    let state = self.state.value
    if let first = state.log.first?.version ?? (state.version > from ? state.version + 1 : nil),
      first > from + 1, state.version > from
    {
      throw Refusal(status: 410, reason: "Expired", message: "too old resource version")
    }
    let end = state.watchesEnd
    return Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: .init { writer in
        var seen = from
        while !Task.isCancelled {
          let state = self.state.value
          if state.isDown || state.watchesEnd != end { break }
          for entry in state.log where entry.version > seen {
            seen = entry.version
            guard Self.isBelow(entry.path, path), Self.matches(entry.object, query) else {
              continue
            }
            let line: JSONValue = ["type": .string(entry.type), "object": entry.object]
            try await writer.write(ByteBuffer(string: "\(line)\n"))
          }
          try await Task.sleep(for: .milliseconds(10))
        }
        try await writer.finish(nil)
      })
  }

  /// Whether an object's path is in a collection, of one namespace or of all.
  private static func isBelow(_ object: String, _ collection: String) -> Bool {
    let parts = object.split(separator: "/")
    let names = collection.split(separator: "/")
    guard let kind = names.last, parts.dropLast().last == kind else { return false }
    return parts.dropLast().starts(with: names.dropLast())
  }

  private static func matches(_ object: JSONValue, _ query: [String: String]) -> Bool {
    guard let selector = query["fieldSelector"]?.removingPercentEncoding else { return true }
    return selector.split(separator: ",").allSatisfy { term in
      let pair = term.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = pair[0].split(separator: ".").reduce(Optional(object)) { $0?[String($1)] }
      return (value?.string ?? "") == pair[1]
    }
  }

  // MARK: - Objects

  private static let kinds: Set<String> = [
    "pods", "nodes", "namespaces", "events", "leases", "replicationcontrollers",
  ]

  private func apply(
    _ method: HTTPRequest.Method, _ path: String, _ query: [String: String], _ body: JSONValue,
    _ state: inout State
  ) throws(Refusal) -> JSONValue {
    let parts = path.split(separator: "/").map(String.init)
    if let last = parts.last, Self.kinds.contains(last) {
      if method == .post { return try self.create(path, body, &state) }
      let items = state.objects.filter { Self.isBelow($0.key, path) }.sorted { $0.key < $1.key }
        .map(\.value).filter { Self.matches($0, query) }
      return [
        "kind": "List", "metadata": ["resourceVersion": .string("\(state.version)")],
        "items": .array(items),
      ]
    }
    if parts.last == "binding" { return try self.bind(Self.parent(path), body, &state) }
    let isStatus = parts.last == "status"
    let key = isStatus ? Self.parent(path) : path
    guard let found = state.objects[key] else {
      throw Refusal(status: 404, reason: "NotFound", message: "\(key) not found")
    }
    switch method {
    case .put:
      let wanted = body["metadata"]?["resourceVersion"]?.string
      guard wanted == nil || wanted == found["metadata"]?["resourceVersion"]?.string else {
        throw Refusal(status: 409, reason: "Conflict", message: "the object has been modified")
      }
      var object = isStatus ? found : body
      if isStatus { object["status"] = body["status"] }
      return Self.put(object, at: key, "MODIFIED", &state)
    case .patch: return Self.put(Self.merged(found, body), at: key, "MODIFIED", &state)
    case .delete: return try self.delete(found, at: key, body, &state)
    default: return found
    }
  }

  private static func parent(_ path: String) -> String {
    "/" + path.split(separator: "/").dropLast().joined(separator: "/")
  }

  private func create(
    _ path: String, _ body: JSONValue, _ state: inout State
  ) throws(Refusal) -> JSONValue {
    let parts = path.split(separator: "/").map(String.init)
    var object = body
    if let index = parts.firstIndex(of: "namespaces"), parts.count > index + 1 {
      guard self.namespaces.contains(parts[index + 1]) else {
        throw Refusal(
          status: 404, reason: "NotFound",
          message: "namespaces \"\(parts[index + 1])\" not found")
      }
      object["metadata"]?["namespace"] = .string(parts[index + 1])
    }
    if object["metadata"]?["name"] == nil {
      let prefix = object["metadata"]?["generateName"]?.string ?? ""
      object["metadata"]?["name"] = .string(
        prefix + String(UInt32.random(in: 0...UInt32.max), radix: 36))
    }
    let key = "\(path)/\(object["metadata"]?["name"]?.string ?? "")"
    guard state.objects[key] == nil else {
      throw Refusal(status: 409, reason: "AlreadyExists", message: "\(key) already exists")
    }
    object["metadata"]?["uid"] = .string(UUID().uuidString.lowercased())
    object["metadata"]?["creationTimestamp"] = .string(Date.now.formatted(.iso8601))
    if parts.last == "pods" { object["status"] = ["phase": "Pending", "qosClass": "BestEffort"] }
    return Self.put(object, at: key, "ADDED", &state)
  }

  private func bind(
    _ key: String, _ body: JSONValue, _ state: inout State
  ) throws(Refusal) -> JSONValue {
    guard var pod = state.objects[key] else {
      throw Refusal(status: 404, reason: "NotFound", message: "\(key) not found")
    }
    guard pod["spec"]?["nodeName"]?.string ?? "" == "" else {
      throw Refusal(status: 409, reason: "Conflict", message: "already assigned")
    }
    pod["spec"]?["nodeName"] = body["target"]?["name"]
    _ = Self.put(pod, at: key, "MODIFIED", &state)
    return ["kind": "Status", "status": "Success"]
  }

  private func delete(
    _ found: JSONValue, at key: String, _ options: JSONValue, _ state: inout State
  ) throws(Refusal) -> JSONValue {
    if let uid = options["preconditions"]?["uid"], uid != found["metadata"]?["uid"] {
      throw Refusal(status: 409, reason: "Conflict", message: "the UID differs")
    }
    let grace =
      options["gracePeriodSeconds"]?.integer
      ?? found["spec"]?["terminationGracePeriodSeconds"]?.integer ?? 30
    let isBound = found["spec"]?["nodeName"]?.string ?? "" != ""
    let isOver = ["Failed", "Succeeded"].contains(found["status"]?["phase"]?.string)
    if key.contains("/pods/"), grace > 0, isBound, !isOver {
      var object = found
      object["metadata"]?["deletionTimestamp"] = .string(Date.now.formatted(.iso8601))
      object["metadata"]?["deletionGracePeriodSeconds"] = .integer(grace)
      return Self.put(object, at: key, "MODIFIED", &state)
    }
    let gone = Self.put(found, at: key, "DELETED", &state)
    state.objects[key] = nil
    return gone
  }

  private static func put(
    _ object: JSONValue, at key: String, _ type: String, _ state: inout State
  ) -> JSONValue {
    var object = object
    state.version += 1
    object["metadata"]?["resourceVersion"] = .string("\(state.version)")
    state.objects[key] = object
    state.log.append((state.version, key, type, object))
    return object
  }

  /// Source: RFC 7386.
  private static func merged(_ target: JSONValue, _ patch: JSONValue) -> JSONValue {
    guard case .object(let members) = patch else { return patch }
    var result: JSONValue = target.members.isEmpty ? [:] : target
    for (key, value) in members {
      result[key] = value == .null ? nil : Self.merged(result[key] ?? .null, value)
    }
    return result
  }
}
