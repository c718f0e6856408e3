import Foundation

/// Plays one scenario against a server, all of it on the thread that calls.
final class ScenarioPlayer {
  private let host: String
  private let port: Int
  private let scenario: Scenario
  private var state: ScenarioState
  private var connection: RawConnection?
  private var backgrounds: [String: Background] = [:]

  private struct Answer {
    let head: RawConnection.Head
    let body: [UInt8]
  }

  /// The step could not be carried out at all.
  private struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// A machine that is busy with other tests takes its time.
  private static let patience = 4.0

  /// - Parameter isAlone: whether no other client writes to this server meanwhile.
  init(_ scenario: Scenario, base: URL, isAlone: Bool) throws {
    self.scenario = scenario
    self.host = base.host() ?? ""
    self.port = base.port ?? 80
    let root = "/cf-\(UUID().uuidString.prefix(8).lowercased())"
    self.state = ScenarioState(root: root, start: 0, isStrict: true)
    // Some scenarios name small indices that have to lie in the past.
    while try self.currentIndex() < 20 {
      _ = try self.ask(["method": .text("PUT"), "path": .text("/v2/keys{root}-warm-up")])
    }
    _ = try self.ask(["method": .text("DELETE"), "path": .text("/v2/keys{root}-warm-up")])
    self.state = ScenarioState(root: root, start: try self.currentIndex(), isStrict: isAlone)
  }

  private func currentIndex() throws -> Int64 {
    let answer = try self.ask(["method": .text("GET"), "path": .text("/v2/keys{root}")])
    guard answer.head.status == 404, let index = answer.head["X-Etcd-Index"].flatMap({ Int64($0) })
    else {
      throw Failed(description: "a key that is not there is answered with \(answer.head)")
    }
    return index
  }

  /// - Returns: what is wrong, line by line; nothing when all came as expected.
  func play() -> [String] {
    defer { self.cleanUp() }
    for (number, step) in self.scenario.steps.enumerated() {
      var lines: [String]
      do {
        lines = try self.play(step.object ?? [:])
      } catch {
        lines = ["\(error)"]
      }
      if !lines.isEmpty { return ["step \(number + 1): \(step)"] + lines }
    }
    return []
  }

  private func cleanUp() {
    self.backgrounds = [:]
    for path in self.scenario.cleanup + ["/v2/keys{root}?recursive=true"] {
      _ = try? self.ask(["method": .text("DELETE"), "path": .text(path)])
    }
  }

  // MARK: Steps

  private func play(_ step: [String: WireJSON]) throws -> [String] {
    if let pause = step["sleep_ms"]?.number { self.watchBackgrounds(for: pause / 1000) }
    let expected = step["expect"] ?? .object([:])
    if let name = step["join"]?.text {
      guard let background = self.backgrounds[name] else {
        throw Failed(description: "nothing called \(name) is under way")
      }
      return try self.join(background, expected, limit: Self.limit(step, 5))
    }
    guard step["method"] != nil else { return [] }
    if let name = step["background"]?.text {
      let connection = try RawConnection(host: self.host, port: self.port)
      let request = try self.request(step)
      _ = connection.send(request.head + request.body)
      let background = Background(connection, method: request.method)
      self.backgrounds[name] = background
      if step["await_head"]?.bool == false {
        background.expectedHead = expected
        return []
      }
      guard try background.wait(Self.limit(step, 3), until: { $0.head != nil }),
        let head = background.head
      else { throw Failed(description: "no head of an answer came: \(background.problem)") }
      return try self.headDifferences(expected, head)
    }
    var differences: [String] = []
    for repetition in 0..<Int(step["repeat"]?.integer ?? 1) {
      self.state.repetition = repetition
      let end =
        ContinuousClock.now + .milliseconds(Int(step["poll_ms"]?.integer ?? 0)) * Self.patience
      let before = self.state
      while true {
        let answer = try self.ask(step)
        differences = try self.headDifferences(expected, answer.head)
        differences += try self.bodyDifferences(expected, answer)
        if differences.isEmpty { break }
        if ContinuousClock.now >= end {
          return differences + [
            "answer: \(String(decoding: answer.body.prefix(600), as: UTF8.self))"
          ]
        }
        self.state = before
        self.watchBackgrounds(for: 0.05)
      }
    }
    return differences
  }

  private static func limit(_ step: [String: WireJSON], _ seconds: Double) -> Duration {
    .seconds((step["timeout_ms"]?.number.map { $0 / 1000 } ?? seconds) * self.patience)
  }

  /// Lets a scenario's time pass, and looks every 20 ms for what comes meanwhile: when it came is compared, too. The time is
  /// what the scenario is about: a TTL runs down, or no event follows.
  private func watchBackgrounds(for seconds: Double) {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      for background in self.backgrounds.values {
        _ = try? background.wait(.zero, until: { _ in false })
      }
      usleep(useconds_t(max(1, min(20_000, (end - .now) / .microseconds(1)))))
    }
  }

  /// A later look at a request that is under way.
  private func join(
    _ background: Background, _ expected: WireJSON, limit: Duration
  ) throws -> [String] {
    var differences: [String] = []
    if let expectedHead = background.expectedHead {
      guard try background.wait(limit, until: { $0.head != nil }), let head = background.head
      else { throw Failed(description: "no head of an answer came: \(background.problem)") }
      differences += try self.headDifferences(expectedHead, head)
      background.expectedHead = nil
    }
    if let events = expected["events"]?.array {
      _ = try background.wait(limit) { $0.documents.count >= events.count || $0.isDone }
      let documents = background.documents
      guard documents.count >= events.count else {
        return differences + ["expected \(events.count) events, got \(documents)"]
      }
      for (number, event) in events.enumerated() {
        differences += try self.state.differences(
          event, documents[number].value, at: "event[\(number)]")
      }
      if !events.isEmpty { background.takeOff(documents[events.count - 1].end) }
    }
    if let arrives = expected["arrives"]?.array, let name = arrives[0].text,
      let low = arrives[1].number, let high = arrives[2].number
    {
      _ = try background.wait(limit) { $0.lastArrival != nil }
      let expiration = self.state.variables[name]?.text.flatMap(ScenarioState.secondsSince1970)
      let late = (background.lastArrival ?? 0) - (expiration ?? 0)
      if late < low - 0.05 || late > high + ScenarioState.slackSeconds {
        differences.append("the event came \(late) s after the expiration, not \(low) to \(high) s")
      }
    }
    if expected["body"] != nil || expected["raw"] != nil || expected["closed"]?.bool == true {
      guard try background.wait(limit, until: { $0.isDone }), let head = background.head else {
        return differences + ["the answer has not ended; it has \(background.documents) so far"]
      }
      if background.isBroken { differences.append("the answer broke off: \(background.problem)") }
      if expected["body"] != nil || expected["raw"] != nil {
        return try differences
          + self.bodyDifferences(expected, Answer(head: head, body: background.takeAll()))
      }
      differences += background.unexpectedRest
    }
    if let quiet = expected["quiet_ms"]?.number {
      _ = try background.wait(.milliseconds(quiet)) { !$0.unexpectedRest.isEmpty || $0.isDone }
      differences += background.unexpectedRest
      if background.isDone { differences.append("it should still be open, but has ended") }
    }
    return differences
  }

  // MARK: Requests

  private func request(
    _ step: [String: WireJSON]
  ) throws -> (method: String, head: [UInt8], body: [UInt8]) {
    let method = step["method"]?.text ?? ""
    let version = step["http"]?.text ?? "1.1"
    let hostAndPort = "\(self.host):\(self.port)"
    var headers: [(name: String, value: String)] = []
    func set(_ name: String, _ value: String?) {
      headers.removeAll { $0.name.lowercased() == name.lowercased() }
      if let value { headers.append((name, value)) }
    }
    if version != "1.0" { set("Host", hostAndPort) }
    var body: [UInt8] = []
    if let form = step["form"] {
      let text = (form.array ?? [form])
        .map { ScenarioState.repeated($0) ?? $0.text ?? "" }.joined()
      // A large one has no placeholders, and looking for them takes its time.
      body = Array((text.utf8.count < 100_000 ? try self.state.fill(text) : text).utf8)
      set("Content-Type", "application/x-www-form-urlencoded")
    }
    if step["chunked"]?.bool == true {
      set("Transfer-Encoding", "chunked")
      let size = max(1, body.count / 3)
      body =
        stride(from: 0, to: body.count, by: size).flatMap { start in
          let piece = body[start..<min(start + size, body.count)]
          return Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8)
        } + Array("0\r\n\r\n".utf8)
    } else if step["form"] != nil || ["PUT", "POST", "PATCH"].contains(method) {
      set("Content-Length", "\(body.count)")
    }
    if step["expect_continue"]?.bool == true { set("Expect", "100-continue") }
    for (name, value) in (step["headers"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
      set(name, try value.text.map { try self.state.fill($0) })
    }
    let target = try self.state.fill(step["path"]?.text ?? "")
      .replacingOccurrences(of: "{host}", with: hostAndPort)
    let head =
      "\(method) \(target) HTTP/\(version)\r\n"
      + headers.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
    return (method, Array(head.utf8), body)
  }

  /// Sends a request on the scenario's own connection and reads all of the answer.
  private func ask(_ step: [String: WireJSON]) throws -> Answer {
    let request = try self.request(step)
    let end = ContinuousClock.now + Self.limit(step, 15)
    while true {
      let isReused = self.connection != nil
      let connection = try self.connection ?? RawConnection(host: self.host, port: self.port)
      self.connection = nil
      if step["expect_continue"]?.bool == true {
        guard connection.send(request.head), try connection.awaitContinue(until: end),
          connection.send(request.body)
        else { throw Failed(description: "no 100 Continue came before the body") }
      } else if !connection.send(request.head + request.body), isReused {
        // The server closed it while it was idle: once more.
        continue
      }
      let head: RawConnection.Head
      do {
        head = try connection.readHead(request.method, until: end)
      } catch RawConnection.Failure.gone where isReused {
        continue
      }
      var body: [UInt8] = []
      while let piece = try connection.readPiece(until: end) { body += piece }
      if connection.canGoOn { self.connection = connection }
      return Answer(head: head, body: body)
    }
  }

  // MARK: Comparing

  private static let clusterID = #"{"$re": "^[0-9a-f]{1,16}$"}"#
  private static let number = #"{"$re": "^[0-9]+$"}"#
  /// Sets of headers that scenarios name with `$like`.
  private static let commonHeaders: [String: String] = [
    "event": """
    {"Content-Type": "application/json", "X-Etcd-Cluster-Id": \(clusterID),
     "X-Etcd-Index": \(number), "X-Raft-Index": \(number), "X-Raft-Term": \(number)}
    """,
    "error": """
    {"Content-Type": "application/json", "X-Etcd-Cluster-Id": \(clusterID),
     "X-Etcd-Index": \(number), "X-Raft-Index": null, "X-Raft-Term": null}
    """,
    "text": """
    {"Content-Type": "text/plain; charset=utf-8", "X-Etcd-Index": null, "X-Etcd-Cluster-Id": null}
    """,
  ]

  private func headDifferences(
    _ expected: WireJSON, _ head: RawConnection.Head
  ) throws -> [String] {
    var differences: [String] = []
    if let status = expected["status"] {
      let allowed = (status.array ?? [status]).compactMap(\.integer)
      if !allowed.contains(Int64(head.status)) {
        differences.append("status: expected \(status), got \(head.status)")
      }
    }
    var wanted = expected["headers"]?.object ?? [:]
    if let like = wanted.removeValue(forKey: "$like")?.text,
      let common = try Self.commonHeaders[like].map({ try WireJSON($0.utf8) })?.object
    {
      wanted.merge(common) { own, _ in own }
    }
    for (name, value) in wanted.sorted(by: { $0.key < $1.key }) {
      switch (value, head[name]) {
      case (.null, let got?): differences.append("header \(name): should be absent, got \(got)")
      case (.null, nil): break
      case (_, nil): differences.append("header \(name): expected \(value), but it is missing")
      case (_, let got?):
        differences += try self.state.differences(value, .text(got), at: "header \(name)")
      }
    }
    return differences
  }

  private func bodyDifferences(_ expected: WireJSON, _ answer: Answer) throws -> [String] {
    guard expected["body"] != nil || expected["raw"] != nil || expected["text"] != nil else {
      return []
    }
    guard let text = String(validating: answer.body, as: UTF8.self) else {
      return ["body: it is no UTF-8"]
    }
    var differences: [String] = []
    if let raw = expected["raw"]?.text, let wanted = try self.state.mismatch(template: raw, text) {
      differences.append("bytes: expected \(wanted), got \(text.debugDescription)")
    }
    if let wanted = expected["text"] {
      differences += try self.state.differences(wanted, .text(text), at: "text")
    }
    guard let body = expected["body"] else { return differences }
    guard let got = try? WireJSON(answer.body) else { return differences + ["body: it is no JSON"] }
    differences += try self.state.differences(body, got, at: "body")
    if expected["headers"]?["$like"]?.text == "error", let index = got["index"]?.integer,
      answer.head["X-Etcd-Index"] != "\(index)"
    {
      differences.append(
        "header X-Etcd-Index: expected \(index) as in the body, got \(answer.head["X-Etcd-Index"] ?? "nothing")"
      )
    }
    return differences
  }
}

/// A request whose answer is read while the scenario goes on.
private final class Background {
  private let connection: RawConnection
  private let method: String
  private(set) var head: RawConnection.Head?
  /// Received and not yet compared.
  private var rest: [UInt8] = []
  private(set) var isDone = false
  private(set) var isBroken = false
  private(set) var problem = "nothing came"
  /// When the last bytes came, in seconds since 1970.
  private(set) var lastArrival: Double?
  /// The expected head, if the scenario did not wait for it.
  var expectedHead: WireJSON?

  init(_ connection: RawConnection, method: String) {
    self.connection = connection
    self.method = method
  }

  var documents: [(value: WireJSON, end: Int)] { WireJSON.documents(self.rest) }

  /// A difference that the scenario did not ask for.
  var unexpectedRest: [String] {
    let text = String(decoding: self.rest, as: UTF8.self)
    return text.allSatisfy(\.isWhitespace)
      ? [] : ["nothing more was expected, but there came \(text)"]
  }

  func takeOff(_ count: Int) { self.rest.removeFirst(count) }

  func takeAll() -> [UInt8] {
    defer { self.rest = [] }
    return self.rest
  }

  /// Reads until the condition holds, at most so long.
  /// - Returns: whether it holds.
  func wait(_ limit: Duration, until condition: (Background) -> Bool) throws -> Bool {
    let end = ContinuousClock.now + limit
    while !condition(self) {
      guard !self.isDone else { return false }
      do {
        if self.head == nil {
          self.head = try self.connection.readHead(self.method, until: end)
        } else if let piece = try self.connection.readPiece(until: end) {
          self.rest += piece
          self.lastArrival = Date().timeIntervalSince1970
        } else {
          self.isDone = true
        }
      } catch RawConnection.Failure.silence {
        return condition(self)
      } catch {
        self.problem = "\(error)"
        (self.isDone, self.isBroken) = (true, true)
      }
    }
    return true
  }
}
