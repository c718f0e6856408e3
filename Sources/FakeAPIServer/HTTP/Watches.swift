import Hummingbird
import KubernetesObjects
import NIOCore

/// The feeds of all resources.
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
  /// In seconds, when the client gives no timeout. Source: `--min-request-timeout`.
  private static let longestWatch = 1_800

  /// Seconds between two bookmarks. Source: `k8s.io/apiserver`, bookmarkFrequency.
  private static let bookmarkPause = 60

  func watch(_ call: Call, _ request: Request) async throws(APIFailure) -> Response {
    let place = call.place
    guard let feed = self.watches.feeds[place.resource] else { throw .methodNotAllowed }
    if call.isTrue("sendInitialEvents") { throw .forbiddenInitialEvents }
    let selection = try call.selection()
    let version = call.query["resourceVersion"] ?? ""
    let initial: [ShownObject]
    let start: UInt64
    if version.isEmpty || version == "0" {
      (initial, start) = try await self.objects.list(place.resource, place.namespace, selection)
    } else {
      guard let number = UInt64(version) else {
        throw .badRequest("Invalid value: \"\(version)\": a resource version is a number")
      }
      (initial, start) = ([], number)
    }
    let wanted = try call.number("timeoutSeconds") ?? 0
    let seconds = wanted > 0 ? wanted : Self.longestWatch
    guard let changes = feed.changes(after: start) else {
      guard feed.isReady else { throw .unavailable("the watch of etcd has not started yet") }
      let expired = APIFailure.expired("too old resource version: \(start)")
      return Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: .init(byteBuffer: Self.line(WatchEvent(.error, expired.status), call)))
    }
    let view = WatchView(
      start: start,
      isSelected: { object in
        (place.namespace == nil || object.metadata.namespace == place.namespace)
          && selection.matches(object)
      }, bookmark: call.isTrue("allowWatchBookmarks") ? place.resource : nil)
    let first = initial.map { shown in
      var event = WatchEvent(.added, shown.object)
      event.json = shown.json
      return event
    }
    return Response(
      status: .ok, headers: [.contentType: "application/json", .connection: "close"],
      body: .init { writer in
        try await request.body.consumeWithInboundCloseHandler { _ in
          for event in first { try await writer.write(Self.line(event, call)) }
          try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await Self.time(changes, seconds: seconds) }
            defer { group.cancelAll() }
            for await item in changes.stream {
              guard let event = view.event(of: item) else { continue }
              try await writer.write(Self.line(event, call))
            }
          }
          try await writer.finish(nil)
        } onInboundClosed: {
          changes.end()
        }
      })
  }

  /// Requests bookmarks, and ends the watch after its time.
  private static func time(_ changes: WatchFeed.Subscription, seconds: Int) async {
    var rest = seconds
    while !Task.isCancelled {
      let pause = min(rest, Self.bookmarkPause)
      try? await Task.sleep(for: .seconds(pause))
      changes.mark()
      rest -= pause
      if rest <= 0 { break }
    }
    changes.end()
  }

  /// One event in the client's form.
  private static func line(_ event: WatchEvent, _ call: Call) -> ByteBuffer {
    let json =
      if case .table = call.form, event.kind != .error {
        call.table([event.object], resourceVersion: event.object.metadata.resourceVersion).utf8
      } else {
        event.json ?? event.object.utf8
      }
    var line = ByteBuffer()
    line.reserveCapacity(json.count + 48)
    line.writeString("{\"type\":\"\(event.kind.rawValue)\",\"object\":")
    line.writeBytes(json)
    line.writeString("}\n")
    return line
  }
}
