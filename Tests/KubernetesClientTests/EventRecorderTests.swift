import Foundation
import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

@Suite struct EventRecorderTests {
  static let start = Date(timeIntervalSince1970: 1_700_000_000)
  static let pod = EventSubject(
    kind: "Pod", namespace: "kube-system", name: "podmaster-n1", uid: "abc",
    fieldPath: "spec.containers{main}")

  private func note(_ message: String, _ reason: String = "BackOff") -> EventNote {
    EventNote(isWarning: true, reason: reason, message: message)
  }

  private func body(_ request: APIRequest) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: Data(try #require(request.body)))
  }

  /// Sends everything, successfully.
  private func flush(_ recorder: inout EventRecorder) throws -> [(String, JSONValue)] {
    var sent: [(String, JSONValue)] = []
    while let (key, request, count) = recorder.next {
      sent.append((request.method, try self.body(request)))
      recorder.sent(key, count: count, error: nil, at: Self.start)
    }
    return sent
  }

  @Test func anEventIsWrittenAsTheRealOne() throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    recorder.record(
      EventNote(reason: "Started", message: "Started container main"), about: Self.pod,
      at: Self.start)
    let request = try #require(recorder.next?.request)
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

  @Test func whatIsInNoNamespaceHasItsEventsInDefault() throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    recorder.record(
      EventNote(reason: "Starting", message: "Starting kubelet."),
      about: EventSubject(kind: "Node", name: "n1", uid: "n1"), at: Self.start)
    let request = try #require(recorder.next?.request)
    #expect(request.target == "/api/v1/namespaces/default/events")
    let event = try self.body(request)
    #expect(event["metadata"]?["namespace"] == "default")
    #expect(event["involvedObject"]?["namespace"] == nil)
  }

  @Test func repetitionsAreCounted() throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    recorder.record(self.note("a"), about: Self.pod, at: Self.start)
    #expect(try self.flush(&recorder).map(\.0) == ["POST"])
    for second in 1...3 {
      recorder.record(
        self.note("a"), about: Self.pod, at: Self.start + TimeInterval(second))
    }
    // While they wait they are one event.
    let sent = try self.flush(&recorder)
    #expect(sent.map(\.0) == ["PATCH"])
    #expect(sent[0].1["count"] == 4)
    #expect(sent[0].1["lastTimestamp"] == "2023-11-14T22:13:23Z")
    #expect(sent[0].1["firstTimestamp"] == nil)
  }

  @Test func whatIsRepeatedWhileItIsSentIsSentOnceMore() throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    recorder.record(self.note("a"), about: Self.pod, at: Self.start)
    let (key, _, count) = try #require(recorder.next)
    recorder.record(self.note("a"), about: Self.pod, at: Self.start)
    recorder.sent(key, count: count, error: nil, at: Self.start)
    #expect(try self.flush(&recorder).map(\.0) == ["PATCH"])
  }

  @Test func manyMessagesForOneReasonBecomeOneEvent() throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    for number in 1...14 {
      recorder.record(self.note("m\(number)"), about: Self.pod, at: Self.start)
    }
    let sent = try self.flush(&recorder)
    #expect(sent.count == 11)
    #expect(sent.last?.1["message"] == "(combined from similar events): m14")
    #expect(sent.last?.1["count"] == 4)
    // After ten quiet minutes each message has its own event again.
    recorder.record(self.note("m15"), about: Self.pod, at: Self.start + 700)
    #expect(try self.flush(&recorder).map { $0.1["message"] } == ["m15"])
  }

  @Test func nobodyIsFlooded() throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    for _ in 1...40 { recorder.record(self.note("a"), about: Self.pod, at: Self.start) }
    #expect(try self.flush(&recorder).map { $0.1["count"] } == [25])
    // Another subject is not affected.
    var other = Self.pod
    other.name = "other"
    recorder.record(self.note("a"), about: other, at: Self.start)
    #expect(try self.flush(&recorder).count == 1)
    recorder.record(self.note("a"), about: Self.pod, at: Self.start + 299)
    #expect(try self.flush(&recorder).isEmpty)
    recorder.record(self.note("a"), about: Self.pod, at: Self.start + 301)
    #expect(try self.flush(&recorder).map { $0.1["count"] } == [26])
  }

  @Test func aThousandWaitAndNoMore() throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    for number in 0..<1200 {
      var pod = Self.pod
      pod.name = "p\(number)"
      recorder.record(self.note("a"), about: pod, at: Self.start)
    }
    #expect(recorder.dropped == 200)
    #expect(try self.flush(&recorder).count == 1000)
    recorder.record(self.note("b"), about: Self.pod, at: Self.start)
    #expect(try self.flush(&recorder).count == 1)
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
  func afterAFailure(_ isCreated: Bool, _ error: APIServerError, _ fate: Fate) throws {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    recorder.record(self.note("a"), about: Self.pod, at: Self.start)
    if isCreated {
      _ = try self.flush(&recorder)
      recorder.record(self.note("a"), about: Self.pod, at: Self.start + 1)
    }
    let (key, request, count) = try #require(recorder.next)
    recorder.sent(key, count: count, error: error, at: Self.start + 2)
    switch fate {
    case .staysAsItIs: #expect(recorder.next?.request == request)
    case .isGivenUp: #expect(recorder.next == nil)
    case .isMadeAnew: #expect(recorder.next?.request.method == "POST")
    }
  }

  @Test func memoryIsBounded() {
    var recorder = EventRecorder(component: "kubelet", host: "n1")
    for number in 0..<12_000 {
      var pod = Self.pod
      pod.name = "p\(number)"
      recorder.record(self.note("a"), about: pod, at: Self.start + TimeInterval(number))
      while let (key, _, count) = recorder.next {
        recorder.sent(key, count: count, error: nil, at: Self.start)
      }
    }
    #expect(recorder.remembered <= EventRecorder.memory + EventRecorder.queueLimit)
  }
}
