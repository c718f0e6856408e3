import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import TestSupport
import Testing

@testable import TestCluster

extension EndToEnd {
  /// The live page's server, over real sockets; `integration/page` opens it in a browser.
  @Suite(.takesTurns, .timeLimit(.minutes(10))) struct PageTests {
    private static func withPage(
      _ body: @escaping @Sendable (Cluster, String) async throws -> Void
    ) async throws {
      try await withCluster { cluster, _ in
        let (urls, found) = AsyncStream.makeStream(of: String.self)
        let page = LivePage(port: 0, isWanted: true)
        try await LivePage.serve(page, of: cluster, report: { found.yield($0) }) {
          var lines = urls.makeAsyncIterator()
          let line = try #require(await lines.next())
          try await body(cluster, String(line.trimmingPrefix("the page is ")))
        }
      }
    }

    private static func send(
      _ method: String, _ url: String, _ headers: [(String, String)] = []
    ) async throws -> (status: Int, headers: [String: String], body: String) {
      var request = HTTPClientRequest(url: url)
      request.method = .init(rawValue: method)
      for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
      let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
      let body = try await answer.body.collect(upTo: 1 << 24)
      return (
        Int(answer.status.code),
        Dictionary(answer.headers.map { ($0.name.lowercased(), $0.value) }) { $1 },
        String(buffer: body)
      )
    }

    /// Reads messages until one meets a condition.
    private static func message(
      _ url: String, _ condition: (LiveMessage) -> Bool
    ) async throws -> LiveMessage {
      let answer = try await HTTPClient.shared.execute(
        HTTPClientRequest(url: "\(url)/events"), timeout: .seconds(60))
      guard answer.headers["content-type"] == ["text/event-stream"] else {
        throw TestFailure("no stream: \(answer.status)")
      }
      var text = ""
      for try await part in answer.body {
        text += String(buffer: part)
        while let end = text.firstRange(of: "\n\n") {
          let event = text[..<end.lowerBound].trimmingPrefix("data: ")
          let message = try JSONDecoder().decode(LiveMessage.self, from: Data(event.utf8))
          text = String(text[end.upperBound...])
          if condition(message) { return message }
        }
      }
      throw TestFailure("the stream ended")
    }

    @Test func thePageShowsTheClusterAndActsOnIt() async throws {
      try await Self.withPage { cluster, url in
        for (path, type) in [
          ("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript"),
        ] {
          let answer = try await Self.send("GET", url + path)
          #expect(answer.status == 200 && answer.headers["content-type"]?.hasPrefix(type) == true)
          #expect(
            answer.headers["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
        }
        let leader = try await cluster.waitForLeader(of: .scheduler)
        let other = leader == "kube-master1" ? "kube-master2" : "kube-master1"
        _ = try await Self.message(url) { $0.status?.leader(of: .scheduler) == leader }
        let kill = try await Self.send("POST", "\(url)/nodes/\(leader)/kill")
        #expect(kill.status == 200, "\(kill)")
        let message = try await Self.message(url) { $0.status?.leader(of: .scheduler) == other }
        #expect(message.looks > 0 && message.violations == 0)
        // A real etcd does not name the index of v2.
        if EndToEnd.store != .etcd {
          _ = try await Self.message(url) { ($0.index ?? 0) > 0 }
        }
        // Whoever did it: this one came from here, the next one by the way of the command line.
        try await cluster.perform("start", on: leader, component: nil)
        // A mark comes with the next look.
        func actions(_ message: LiveMessage) -> [String] {
          message.update.marks.map(\.value).filter { $0.kind == .fault }.map(\.text)
        }
        try await eventually("both are told") {
          actions(try await Self.message(url) { $0.update.story != nil })
            == ["kill -9 of \(leader)", "starting \(leader)"]
        }
        let all = try await Self.message(url) { $0.update.story != nil }
        let pods = all.update.spans.map(\.value).filter {
          $0.kind == .pod && $0.text == "kube-scheduler"
        }
        #expect(pods.count == 2 && pods[0].to != nil && pods[1].to == nil, "\(pods)")
        // A lease changes hands by a button.
        try await cluster.waitUntil("for two nodes") { $0.nodes.allSatisfy(\.answers) }
        let down = try await Self.send(
          "POST", "\(url)/nodes/\(other)/step-down?component=scheduler-elector")
        #expect(down.status == 200, "\(down)")
        try await cluster.waitForLeader(of: .scheduler, otherThan: other)
        // What goes wrong is said.
        let wrong = try await Self.send("POST", "\(url)/nodes/kube-master9/kill")
        #expect(wrong.status == 409 && wrong.body.contains("kube-master9"))
        let cut = try await Self.send("POST", "\(url)/nodes/kube-master1/cut")
        #expect(cut.status == 409 && cut.body.contains("--web"))
        // A recording is one file, and its policy is its own.
        let recording = try await Self.send("GET", "\(url)/recording")
        #expect(recording.headers["content-disposition"]?.contains("attachment") == true)
        #expect(recording.body.contains("kill -9 of \(leader)"))
      }
    }

    @Test func aForeignPageDoesNothingAndALogIsOfAKnownProcess() async throws {
      try await Self.withPage { cluster, url in
        for headers in [
          [("Origin", "http://evil.example")], [("Sec-Fetch-Site", "cross-site")],
          [("Host", "evil.example"), ("Origin", "http://evil.example")],
        ] {
          let answer = try await Self.send("POST", "\(url)/nodes/kube-master1/kill", headers)
          #expect([403, 421].contains(answer.status), "\(headers)")
        }
        // A name that was bound anew to this machine reads nothing.
        for path in ["/", "/status", "/events", "/recording", "/logs/store/store"] {
          let answer = try await Self.send("GET", url + path, [("Host", "evil.example")])
          #expect(answer.status == 421, "\(path)")
        }
        #expect(await cluster.status().nodes.allSatisfy { $0.state == .up })
        let path = "\(url)/logs/kube-master1/scheduler-elector"
        try await eventually("the elector has logged something") {
          try await Self.send("GET", path).body.contains("master")
        }
        #expect(try await Self.send("GET", path).status == 200)
        #expect(try await Self.send("GET", "\(url)/logs/store/store").status == 200)
        // A log that a name which is not looked at would lead to.
        let canary = "\(cluster.directory.path)/elsewhere/var/log"
        try FileManager.default.createDirectory(
          atPath: canary, withIntermediateDirectories: true)
        try Data("canary".utf8).write(to: URL(filePath: "\(canary)/scheduler-elector.log"))
        for path in [
          "elsewhere/scheduler-elector", "kube-master1%2F..%2Felsewhere/scheduler-elector",
          "kube-master1/..%2F..%2Fcluster.json", "..%2Fkube-master1/scheduler-elector",
          "kube-master1/%2Fetc%2Fpasswd", "store/scheduler-elector", "kube-master1/machine",
          "kube-master9/scheduler-elector",
        ] {
          let answer = try await Self.send("GET", "\(url)/logs/\(path)")
          #expect(answer.status == 404, "\(path): \(answer.body)")
        }
      }
    }

    @Test func thereIsABoundToOpenPages() async throws {
      try await Self.withPage { _, url in
        try await withThrowingTaskGroup(of: Void.self) { group throws in
          let (opened, open) = AsyncStream.makeStream(of: Void.self)
          for _ in 0..<PageReaders.maximum {
            group.addTask { try await Self.stayOpen(url, onOpen: { open.yield() }) }
          }
          for await _ in opened.prefix(PageReaders.maximum) {}
          #expect(try await Self.send("GET", "\(url)/events").status == 503)
          #expect(try await Self.send("GET", "\(url)/status").status == 200)
          group.cancelAll()
          while await group.nextResult() != nil {}
        }
        try await eventually("there is room again") {
          (try? await Self.message(url) { _ in true }) != nil
        }
      }
    }

    /// A connection of its own, which reads until it is cancelled.
    private static func stayOpen(_ url: String, onOpen: @Sendable () -> Void) async throws {
      try await HTTPClient.withHTTPClient { client in
        let answer = try await client.execute(
          HTTPClientRequest(url: "\(url)/events"), timeout: .seconds(60))
        #expect(answer.status == .ok)
        onOpen()
        for try await _ in answer.body {}
      }
    }

    @Test func aTakenPortIsAnErrorOnlyForAPageThatIsWanted() async throws {
      try await Self.withPage { cluster, url in
        let port = try #require(url.split(separator: ":").last.flatMap { Int($0) })
        await #expect(throws: ClusterError.portInUse(port, flag: LivePage.flag)) {
          try await LivePage.serve(
            LivePage(port: port, isWanted: true), of: cluster, report: { _ in }
          ) { try await Task.sleep(for: .seconds(60)) }
        }
        let (lines, told) = AsyncStream.makeStream(of: String.self)
        try await LivePage.serve(
          LivePage(port: port, isWanted: false), of: cluster, report: { told.yield($0) }
        ) {
          var lines = lines.makeAsyncIterator()
          let line = try #require(await lines.next())
          #expect(line.contains("\(port)") && line.contains("--no-web"))
        }
      }
    }
  }
}
