import FoundationEssentials
import HTTPListening
import HTTPTypes
import Hummingbird
import NIOCore
import Stories

/// Serves the page of a running cluster. Writes for a foreign web page are refused, as by all of our servers.
///
/// | | |
/// | --- | --- |
/// | `GET /`, `/page.css`, `/page.js` | the page |
/// | `GET /events` | server-sent events: a ``LiveMessage`` each, the first with all that is known |
/// | `GET /status` | a ``LiveMessage`` without the story |
/// | `GET /recording` | the last hour as a file that plays |
/// | `GET /logs/NODE/COMPONENT` | the last 200 lines |
/// | `POST /nodes/NAME/VERB[?component=NAME]` | a verb, as on the command line |
package struct PageServer: Sendable {
  private let watch: LiveWatch
  private let readers = PageReaders()

  package init(_ watch: LiveWatch) {
    self.watch = watch
  }

  /// Serves until graceful shutdown, or until it is cancelled.
  /// - Throws: `HTTPListenError` or `CancellationError`.
  package func run(
    on listener: HTTPListener, onListening: @escaping @Sendable (String) async -> Void
  ) async throws {
    try await listener.run(self.router().buildResponder(), onListening: onListening)
  }

  private func router() -> Router<PageContext> {
    let router = Router(context: PageContext.self)
    let watch = self.watch
    let title = "Zweimaster"
    router.get("/") { _, _ in
      Self.text(
        StoryPage.live(title: title, style: "/page.css", script: "/page.js"), "text/html")
    }
    router.get("/page.css") { _, _ in Self.text(StoryPage.style, "text/css") }
    router.get("/page.js") { _, _ in
      Self.text(StoryPage.script + StoryPage.liveScript, "text/javascript")
    }
    router.get("/status") { _, _ in
      var message = watch.message(since: .max)
      message.update.story = nil
      return try Response.json(message)
    }
    router.get("/recording") { _, _ in
      var response = Self.text(try watch.recording.page(), "text/html")
      response.headers[.contentDisposition] = "attachment; filename=\"zweimaster.html\""
      // Its policy is in the file, which has its script inside.
      response.headers[.contentSecurityPolicy] = nil
      return response
    }
    router.get("/logs/:node/:component") { _, context in
      do throws(ClusterError) {
        return Self.text(
          try await watch.cluster.logEnd(
            context.parameters.get("node") ?? "", context.parameters.get("component") ?? ""),
          "text/plain")
      } catch {
        return Self.text("\(error)\n", "text/plain", status: .notFound)
      }
    }
    router.get("/events") { _, context in
      guard let place = self.readers.enter(context.channel) else {
        return Self.text(
          "too many open pages: close some\n", "text/plain", status: .serviceUnavailable)
      }
      return Response(
        status: .ok,
        headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
        body: ResponseBody { writer in
          defer { self.readers.leave(place) }
          var version = 0
          let encoder = JSONEncoder()
          while true {
            let message = watch.message(since: version)
            version = message.update.version
            var event = ByteBuffer(string: "data: ")
            event.writeBytes(try encoder.encode(message))
            event.writeString("\n\n")
            // A reader that does not read holds this up, and the next message has what it missed.
            try await writer.write(event)
            self.readers.hasRead(place)
            try await Task.sleep(for: .milliseconds(250))
          }
        })
    }
    router.addVerbs(of: watch.cluster)
    return router
  }

  private static func text(
    _ text: String, _ type: String, status: HTTPResponse.Status = .ok
  ) -> Response {
    Response(
      status: status,
      headers: [
        .contentType: "\(type); charset=utf-8", .cacheControl: "no-store",
        .contentSecurityPolicy: StoryPage.policyOfServer,
        .xContentTypeOptions: "nosniff",
      ], body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}

/// Knows the connection of its request, so that one whose client has stopped reading can be closed.
struct PageContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    self.coreContext = .init(source: source)
    self.channel = source.channel
  }
}
