import Testing

@testable import FakeAPIServer

/// The rules for objects.
@Suite struct ObjectRulesTests {
  private let stamp = ObjectRules.Stamp(time: "2026-01-02T03:04:05Z", uid: "u1", suffix: "abcde")
  private let pods = ObjectRules(resource: .pods, namespace: "n")
  private static let pod =
    #"{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i:1"}]},"status":{"phase":"Running"}}"#

  @Test func aNewPodHasWhatTheServerGives() throws {
    let pod = try self.pods.created(json(Self.pod), self.stamp)
    #expect(pod["kind"] == "Pod" && pod["apiVersion"] == "v1")
    #expect(pod["metadata"]?["namespace"] == "n" && pod["metadata"]?["uid"] == "u1")
    #expect(pod["metadata"]?["creationTimestamp"] == "2026-01-02T03:04:05Z")
    #expect(pod["spec"]?["restartPolicy"] == "Always")
    #expect(pod["status"] == ["phase": "Pending", "qosClass": "BestEffort"])
  }

  @Test func aNameIsMadeUpWhereAPrefixIsGiven() throws {
    var body = try json(Self.pod)
    body["metadata"] = ["generateName": "web-"]
    #expect(try self.pods.created(body, self.stamp)["metadata"]?["name"] == "web-abcde")
  }

  @Test(arguments: [
    (#"{"metadata":{}}"#, 422, "metadata.name"),
    (
      #"{"metadata":{"name":"A"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#, 422,
      "metadata.name"
    ),
    (#"{"metadata":{"name":"a"},"spec":{"containers":[]}}"#, 422, "spec.containers"),
    (#"{"metadata":{"name":"a","namespace":"other"}}"#, 400, ""),
    (#"{"kind":"Node","metadata":{"name":"a"}}"#, 400, ""),
    (#"{"apiVersion":"v2","metadata":{"name":"a"}}"#, 400, ""),
    (#"{"metadata":{"name":"a","resourceVersion":"7"}}"#, 400, ""),
    (#"[1]"#, 400, ""),
  ])
  func aBadOneIsRefused(body: String, code: Int, field: String) throws {
    let failure = #expect(throws: APIFailure.self) {
      try self.pods.created(json(body), self.stamp)
    }
    #expect(failure?.code == code)
    if !field.isEmpty {
      let causes = failure?.status["details"]?["causes"]?.elements ?? []
      #expect(causes.contains { $0["field"]?.string == field })
    }
  }

  @Test func whatIsTheServersIsKeptAndTheStatusIsASubresource() throws {
    let old = try self.pods.created(json(Self.pod), self.stamp)
    var changed = old
    changed["metadata"]?["creationTimestamp"] = "2000-01-01T00:00:00Z"
    changed["metadata"]?["labels"] = ["a": "b"]
    changed["status"] = ["phase": "Running"]
    let new = try self.pods.updated(changed, from: old)
    #expect(new["metadata"]?["creationTimestamp"] == old["metadata"]?["creationTimestamp"])
    #expect(new["metadata"]?["labels"] == ["a": "b"] && new["status"] == old["status"])
    let status = try self.pods.updated(changed, from: old, part: "status")
    #expect(status["status"] == ["phase": "Running"] && status["spec"] == old["spec"])
  }

  @Test func ofAPodOnlyTheImageMayChange() throws {
    let old = try self.pods.created(json(Self.pod), self.stamp)
    var image = old
    image["spec"]?["containers"] = try json(#"[{"name":"c","image":"i:2"}]"#)
    #expect(throws: Never.self) { try self.pods.updated(image, from: old) }
    var command = old
    command["spec"]?["containers"] = try json(#"[{"name":"c","image":"i:1","command":["x"]}]"#)
    let failure = #expect(throws: APIFailure.self) { try self.pods.updated(command, from: old) }
    #expect(failure?.code == 422)
  }

  @Test func anotherUidIsAnotherObject() throws {
    let old = try self.pods.created(json(Self.pod), self.stamp)
    var other = old
    other["metadata"]?["uid"] = "u2"
    let failure = #expect(throws: APIFailure.self) { try self.pods.updated(other, from: old) }
    #expect(failure?.code == 409)
  }

  @Test func aPodIsBoundOnce() throws {
    let pod = try self.pods.created(json(Self.pod), self.stamp)
    let bound = try self.pods.bound(pod, to: json(#"{"target":{"name":"m1"}}"#))
    #expect(bound["spec"]?["nodeName"] == "m1")
    let failure = #expect(throws: APIFailure.self) {
      try self.pods.bound(bound, to: json(#"{"target":{"name":"m2"}}"#))
    }
    #expect(failure?.code == 409)
  }

  @Test(arguments: [
    (#"{"containers":[{"name":"a"}]}"#, "BestEffort"),
    (#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}}]}"#, "Burstable"),
    (
      #"{"containers":[{"name":"a","resources":{"limits":{"cpu":"1","memory":"1Gi"}}}]}"#,
      "Guaranteed"
    ),
  ])
  func theClassFollowsFromTheResources(spec: String, expected: String) throws {
    #expect(ObjectRules.qosClass(try json(spec)) == expected)
  }

  @Test func aNamespaceIsMarkedBeforeItGoesAndSomeStay() throws {
    let rules = ObjectRules(resource: .namespaces, namespace: nil)
    let namespace = try rules.created(json(#"{"metadata":{"name":"n"}}"#), self.stamp)
    let marked = try rules.terminating(namespace, since: "t")
    #expect(marked["status"] == ["phase": "Terminating"])
    #expect(marked["metadata"]?["deletionTimestamp"] == "t")
    #expect(try rules.terminating(marked, since: "u") == marked)
    for name in ["default", "kube-system", "kube-public"] {
      let failure = #expect(throws: APIFailure.self) {
        try rules.terminating(["metadata": ["name": .string(name)]], since: "t")
      }
      #expect(failure?.code == 403)
    }
  }

  @Test func onlyALeaseIsNotReplacedWithoutAVersion() throws {
    for resource in APIResource.all {
      let rules = ObjectRules(resource: resource, namespace: "n")
      let isFree = (try? rules.checkUnconditionalUpdate(of: "a")) != nil
      #expect(isFree == (resource != .leases), "\(resource.name)")
    }
  }
}
