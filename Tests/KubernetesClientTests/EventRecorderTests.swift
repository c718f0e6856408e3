import Foundation
import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

@Suite struct EventRecorderTests {
  static let start = Date(timeIntervalSince1970: 1_700_000_000)
  static let pod = EventSubject(
    kind: "Pod", namespace: "kube-system", name: "podmaster-n1", uid: "abc",
    fieldPath: "spec.containers{main}")

  private var recorder = EventRecorder(component: "kubelet", host: "n1")

  /// Records a warning, so many seconds after the start.
  private mutating func record(
    _ message: String, of name: String = Self.pod.name, at seconds: TimeInterval = 0
  ) {
    var subject = Self.pod
    subject.name = name
    self.recorder.record(
      EventNote(isWarning: true, reason: "BackOff", message: message), about: subject,
      at: Self.start + seconds)
  }

  private func body(_ request: APIRequest) throws -> JSONValue {
    try JSONValue(parsing: try #require(request.body))
  }

  /// Sends everything, successfully.
  private mutating func flush() throws -> [(String, JSONValue)] {
    var sent: [(String, JSONValue)] = []
    while let (key, request, count) = self.recorder.next {
      sent.append((request.method, try self.body(request)))
      self.recorder.sent(key, count: count, error: nil, at: Self.start)
    }
    return sent
  }

  @Test mutating func anEventIsWrittenAsTheRealOne() throws {
    self.recorder.record(
      EventNote(reason: "Started", message: "Started container main"), about: Self.pod,
      at: Self.start)
    let request = try #require(self.recorder.next?.request)
    #expect(request.method == "POST")
    #expect(request.target == "/api/v1/namespaces/kube-system/events")
    let event = try self.body(request)
    #expect(event["metadata"]?["name"]?.string?.hasPrefix("podmaster-n1.") == true)
    #expect(
      event["involvedObject"] == [
        "kind": "Pod", "apiVersion": "v1", "namespace": "kube-system", "name": "podmaster-n1",
        "uid": "abc", "fieldPath": "spec.containers{main}",
      ])
    #expect(event["source"] == ["component": "kubelet", "host": "n1"])
    #expect(event["type"] == "Normal" && event["reason"] == "Started" && event["count"] == 1)
    #expect(event["firstTimestamp"] == "2023-11-14T22:13:20Z")
    #expect(event["lastTimestamp"] == "2023-11-14T22:13:20Z")
  }

  @Test mutating func whatIsInNoNamespaceHasItsEventsInDefault() throws {
    self.recorder.record(
      EventNote(reason: "Starting", message: "Starting kubelet."),
      about: EventSubject(kind: "Node", name: "n1", uid: "n1"), at: Self.start)
    let request = try #require(self.recorder.next?.request)
    #expect(request.target == "/api/v1/namespaces/default/events")
    let event = try self.body(request)
    #expect(event["metadata"]?["namespace"] == "default")
    #expect(event["involvedObject"]?["namespace"] == nil)
  }

  @Test mutating func repetitionsAreCounted() throws {
    self.record("a")
    #expect(try self.flush().map(\.0) == ["POST"])
    for second in 1...3 { self.record("a", at: TimeInterval(second)) }
    // While they wait they are one event.
    let sent = try self.flush()
    #expect(sent.map(\.0) == ["PATCH"])
    #expect(sent[0].1["count"] == 4)
    #expect(sent[0].1["lastTimestamp"] == "2023-11-14T22:13:23Z")
    #expect(sent[0].1["firstTimestamp"] == nil)
  }

  @Test mutating func whatIsRepeatedWhileItIsSentIsSentOnceMore() throws {
    self.record("a")
    let (key, _, count) = try #require(self.recorder.next)
    self.record("a")
    self.recorder.sent(key, count: count, error: nil, at: Self.start)
    #expect(try self.flush().map(\.0) == ["PATCH"])
  }

  @Test mutating func manyMessagesForOneReasonBecomeOneEvent() throws {
    for number in 1...14 { self.record("m\(number)") }
    let sent = try self.flush()
    #expect(sent.count == 11)
    #expect(sent.last?.1["message"] == "(combined from similar events): m14")
    #expect(sent.last?.1["count"] == 4)
    // After ten quiet minutes each message has its own event again.
    self.record("m15", at: 700)
    #expect(try self.flush().map { $0.1["message"] } == ["m15"])
  }

  @Test mutating func nobodyIsFlooded() throws {
    for _ in 1...40 { self.record("a") }
    #expect(try self.flush().map { $0.1["count"] } == [25])
    // Another subject is not affected.
    self.record("a", of: "other")
    #expect(try self.flush().count == 1)
    self.record("a", at: 299)
    #expect(try self.flush().isEmpty)
    self.record("a", at: 301)
    #expect(try self.flush().map { $0.1["count"] } == [26])
  }

  @Test mutating func aThousandWaitAndNoMore() throws {
    for number in 0..<1200 { self.record("a", of: "p\(number)") }
    #expect(self.recorder.dropped == 200)
    #expect(try self.flush().count == 1000)
    self.record("b")
    #expect(try self.flush().count == 1)
  }

  enum Fate: Sendable {
    case staysAsItIs, isGivenUp, isMadeAnew
  }

  static func refusal(_ status: Int) -> APIServerError {
    .refused(request: "r", status: status, reason: nil, message: nil)
  }

  @Test(
    arguments: [
      (false, .unanswered(request: "r", reason: "no"), .staysAsItIs),
      (false, Self.refusal(500), .staysAsItIs), (false, Self.refusal(429), .staysAsItIs),
      (false, Self.refusal(404), .isGivenUp), (false, Self.refusal(403), .isGivenUp),
      (false, Self.refusal(409), .isGivenUp), (true, Self.refusal(404), .isMadeAnew),
      (true, Self.refusal(503), .staysAsItIs), (true, Self.refusal(422), .isGivenUp),
    ] as [(Bool, APIServerError, Fate)])
  mutating func afterAFailure(_ isCreated: Bool, _ error: APIServerError, _ fate: Fate) throws {
    self.record("a")
    if isCreated {
      _ = try self.flush()
      self.record("a", at: 1)
    }
    let (key, request, count) = try #require(self.recorder.next)
    self.recorder.sent(key, count: count, error: error, at: Self.start + 2)
    switch fate {
    case .staysAsItIs: #expect(self.recorder.next?.request == request)
    case .isGivenUp: #expect(self.recorder.next == nil)
    case .isMadeAnew: #expect(self.recorder.next?.request.method == "POST")
    }
  }

  @Test mutating func memoryIsBounded() {
    for number in 0..<12_000 {
      self.record("a", of: "p\(number)", at: TimeInterval(number))
      while let (key, _, count) = self.recorder.next {
        self.recorder.sent(key, count: count, error: nil, at: Self.start)
      }
    }
    #expect(self.recorder.remembered <= EventRecorder.memory + EventRecorder.queueLimit)
  }
}
