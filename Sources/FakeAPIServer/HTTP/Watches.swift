import APIServerClient
import Hummingbird
import NIOCore

/// The feeds of all resources, and what watchers see of them.
struct Watches: Sendable {
  let feeds: [APIResource: WatchFeed]

  var counts: [String: Int] {
    Dictionary(self.feeds.map { ($0.key.name, $0.value.watcherCount) }) { $1 }
  }

  /// Follows etcd until its task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      for feed in self.feeds.values { group.addTask { await feed.run() } }
    }
  }
}

extension APIRoutes {
  /// After so long a watch ends by itself when its client names no time. Source: `--min-request-timeout`.
  private static let longestWatch = 1_800

  func watch(_ call: Call) async throws(APIFailure) -> Response {
    let place = call.place
    guard let feed = self.watches.feeds[place.resource] else { throw .methodNotAllowed }
    if call.isTrue("sendInitialEvents") {
      throw .forbiddenOption("sendInitialEvents")
    }
    let selection = try call.selection()
    let version = call.query["resourceVersion"] ?? ""
    let initial: [JSONValue]
    let start: UInt64
    if version.isEmpty || version == "0" {
      (initial, start) = try await self.objects.list(place.resource, place.namespace, selection)
    } else {
      guard let number = UInt64(version) else {
        throw .badRequest("Invalid value: \"\(version)\": a resource version is a number")
      }
      (initial, start) = ([], number)
    }
    let seconds = try call.number("timeoutSeconds") ?? Self.longestWatch
    guard let changes = feed.changes(after: start) else {
      guard feed.isReady else { throw .unavailable("the watch of etcd has not begun yet") }
      return Self.stream([
        .init(.error, APIFailure.expired("too old resource version: \(start)").status)
      ])
    }
    let isSelected = { @Sendable (object: JSONValue) in
      (place.namespace == nil || object["metadata"]?["namespace"]?.string == place.namespace)
        && selection.matches(object)
    }
    let first = initial.map { WatchEvent(.added, $0) }
    return Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: .init { writer in
        for event in first { try await writer.write(Self.line(event, call)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            try? await Task.sleep(for: .seconds(seconds))
            changes.end()
          }
          defer { group.cancelAll() }
          for await news in changes.stream {
            switch news {
            case .change(let change) where change.index > start:
              guard let event = WatchEvent(change, isSelected: isSelected) else { continue }
              try await writer.write(Self.line(event, call))
            case .change: continue
            case .expired:
              let failure = APIFailure.expired("the history of etcd has been cleared")
              try await writer.write(Self.line(.init(.error, failure.status), call))
            }
          }
        }
        try await writer.finish(nil)
      })
  }

  private static func stream(_ events: [WatchEvent]) -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: .init(
        byteBuffer: ByteBuffer(
          bytes: events.flatMap { event -> [UInt8] in
            Self.text(of: event) + [UInt8(ascii: "\n")]
          })))
  }

  private static func text(of event: WatchEvent) -> [UInt8] {
    let value: JSONValue = ["type": .string(event.kind.rawValue), "object": event.object]
    return value.utf8
  }

  /// One event, in the form that the client wants.
  private static func line(_ event: WatchEvent, _ call: Call) -> ByteBuffer {
    var event = event
    if case .table = call.form, event.kind != .error {
      event = WatchEvent(
        event.kind,
        ResourceTable.table(
          call.place.resource, [event.object],
          resourceVersion: event.object["metadata"]?["resourceVersion"]?.string ?? "",
          object: call.included, seconds: Self.now))
    }
    return ByteBuffer(bytes: Self.text(of: event) + [UInt8(ascii: "\n")])
  }
}

extension APIFailure {
  static func forbiddenOption(_ name: String) -> Self {
    Self(
      code: 422, reason: "Invalid",
      message:
        "ListOptions.meta.k8s.io \"\" is invalid: \(name): Forbidden: \(name) is forbidden for watch unless the WatchList feature gate is enabled"
    )
  }
}
