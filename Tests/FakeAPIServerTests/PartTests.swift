import KubernetesObjects
import Testing

@testable import FakeAPIServer

func json(_ text: String) throws -> JSONValue {
  try JSONValue(parsing: Array(text.utf8))
}

/// The server's core.
@Suite struct PartTests {
  private static let pod = #"""
    {"metadata":{"name":"a","namespace":"n","labels":{"app":"web","tier":"x"}},
     "spec":{"nodeName":"m1"},"status":{"phase":"Running"}}
    """#

  @Test(arguments: [
    ("app=web", true), ("app==web", true), ("app=db", false), ("app!=db", true),
    ("app!=web", false),
    ("none!=x", true), ("app", true), ("none", false), ("!none", true), ("!app", false),
    ("app in (web, db)", true), ("app in (db)", false), ("app notin (db)", true),
    ("none notin (db)", true), ("app notin (web)", false), ("app=web,tier=x", true),
    ("app in (web,db),tier=y", false), ("", true),
  ])
  func labelsAreSelected(selector: String, matches: Bool) throws {
    #expect(try LabelSelector(selector).matches(json(Self.pod)) == matches)
  }

  @Test(arguments: [
    ("metadata.name=a", true), ("metadata.name=b", false), ("metadata.name!=b", true),
    ("spec.nodeName==m1", true), ("spec.nodeName=", false), ("status.phase!=Failed", true),
    ("metadata.namespace=n,status.phase=Running", true), ("", true),
  ])
  func fieldsAreSelected(selector: String, matches: Bool) throws {
    #expect(try FieldSelector(selector, of: .pods).matches(json(Self.pod)) == matches)
  }

  @Test(arguments: ["spec.image=x", "metadata.labels.app=web", "nothing"])
  func aFieldThatNobodyCanSelectByIsRefused(selector: String) {
    #expect(throws: APIFailure.self) { try FieldSelector(selector, of: .pods) }
  }

  @Test(arguments: [
    // RFC 7386, appendix A
    ("merge-patch", #"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    ("merge-patch", #"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
    ("merge-patch", #"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    ("merge-patch", #"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
    ("merge-patch", #"{"a":[1]}"#, #"{"a":{"b":null}}"#, #"{"a":{}}"#),
    // lists with a key
    (
      "strategic-merge-patch",
      #"{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]}}"#,
      #"{"spec":{"containers":[{"name":"b","image":"2"},{"name":"c","image":"3"}]}}"#,
      #"{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"},{"name":"c","image":"3"}]}}"#
    ),
    (
      "strategic-merge-patch",
      #"{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#,
      #"{"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"a","$patch":"delete"}]}}"#,
      #"{"spec":{"containers":[{"name":"b"}]}}"#
    ),
    (
      "strategic-merge-patch", #"{"spec":{"args":["a","b"]}}"#,
      #"{"spec":{"args":["c"]}}"#, #"{"spec":{"args":["c"]}}"#
    ),
    (
      "strategic-merge-patch",
      #"{"status":{"conditions":[{"type":"Ready","status":"False"}]}}"#,
      #"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#,
      #"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#
    ),
    // RFC 6902, appendix A
    (
      "json-patch", #"{"foo":"bar"}"#,
      #"[{"op":"add","path":"/baz","value":"qux"}]"#, #"{"baz":"qux","foo":"bar"}"#
    ),
    (
      "json-patch", #"{"foo":["bar","baz"]}"#,
      #"[{"op":"add","path":"/foo/1","value":"qux"}]"#, #"{"foo":["bar","qux","baz"]}"#
    ),
    (
      "json-patch", #"{"foo":["bar"]}"#,
      #"[{"op":"add","path":"/foo/-","value":"qux"}]"#, #"{"foo":["bar","qux"]}"#
    ),
    (
      "json-patch", #"{"baz":"qux","foo":"bar"}"#,
      #"[{"op":"remove","path":"/baz"}]"#, #"{"foo":"bar"}"#
    ),
    (
      "json-patch", #"{"foo":["bar","qux","baz"]}"#,
      #"[{"op":"remove","path":"/foo/1"}]"#, #"{"foo":["bar","baz"]}"#
    ),
    (
      "json-patch", #"{"a":{"b":1},"c":{}}"#,
      #"[{"op":"move","from":"/a/b","path":"/c/d"}]"#, #"{"a":{},"c":{"d":1}}"#
    ),
    (
      "json-patch", #"{"a~b":{"c/d":1}}"#,
      #"[{"op":"replace","path":"/a~0b/c~1d","value":2}]"#, #"{"a~b":{"c/d":2}}"#
    ),
    (
      "json-patch", #"{"a":1}"#,
      #"[{"op":"test","path":"/a","value":1},{"op":"copy","from":"/a","path":"/b"}]"#,
      #"{"a":1,"b":1}"#
    ),
  ])
  func patchesAreApplied(type: String, object: String, patch: String, expected: String) throws {
    let patch = try Patch(contentType: "application/\(type)+json", body: json(patch))
    #expect(try patch.applied(to: json(object)) == json(expected))
  }

  @Test(arguments: [
    #"[{"op":"test","path":"/a","value":2}]"#, #"[{"op":"remove","path":"/b"}]"#,
    #"[{"op":"replace","path":"/b","value":1}]"#, #"[{"op":"add","path":"/b/c","value":1}]"#,
  ])
  func anOperationThatDoesNotFitIsRefused(patch: String) throws {
    let patch = try Patch(contentType: "application/json-patch+json", body: json(patch))
    let failure = #expect(throws: APIFailure.self) { try patch.applied(to: json(#"{"a":1}"#)) }
    #expect(failure?.code == 422)
  }

  @Test(
    arguments: [
      ("/api/v1/pods", "pods", nil, nil, nil),
      ("/api/v1/namespaces/kube-system/pods", "pods", "kube-system", nil, nil),
      ("/api/v1/namespaces/kube-system/pods/a", "pods", "kube-system", "a", nil),
      ("/api/v1/namespaces/kube-system/pods/a/log", "pods", "kube-system", "a", "log"),
      ("/api/v1/namespaces", "namespaces", nil, nil, nil),
      ("/api/v1/namespaces/kube-system", "namespaces", nil, "kube-system", nil),
      ("/api/v1/namespaces/kube-system/status", "namespaces", nil, "kube-system", "status"),
      ("/api/v1/nodes/m1/proxy/pods", "nodes", nil, "m1", "proxy"),
      ("/apis/coordination.k8s.io/v1/namespaces/n/leases/l", "leases", "n", "l", nil),
    ] as [(String, String, String?, String?, String?)])
  func pathsNameObjects(
    path: String, resource: String, namespace: String?, name: String?, subresource: String?
  ) throws {
    let place = try #require(APIPath(path))
    #expect(place.resource.name == resource && place.namespace == namespace)
    #expect(place.name == name && place.subresource == subresource)
  }

  @Test(arguments: [
    "/api/v1", "/api/v2/pods", "/api/v1/secrets", "/api/v1/pods/a", "/api/v1/namespaces/n/nodes",
    "/api/v1/namespaces/n/pods/a/exe", "/apis/apps/v1/deployments",
    "/api/v1/namespaces/n/pods/a/log/b",
  ])
  func otherPathsNameNothing(path: String) { #expect(APIPath(path) == nil) }

  @Test func aWatcherSeesWhatComesIntoItsSelectionAndLeavesIt() throws {
    func change(_ former: String?, _ object: String?) throws -> WatchWindow.Change {
      WatchWindow.Change(
        index: 7, former: try former.map { try json(#"{"metadata":{"labels":{"a":"\#($0)"}}}"#) },
        object: try object.map { try json(#"{"metadata":{"labels":{"a":"\#($0)"}}}"#) })
    }
    let selector = try LabelSelector("a=1")
    for (former, object, expected) in [
      (nil, "1", "ADDED"), ("1", "1", "MODIFIED"), ("1", nil, "DELETED"), ("0", "1", "ADDED"),
      ("1", "0", "DELETED"), ("0", "0", nil), (nil, "0", nil), ("0", nil, nil),
    ] as [(String?, String?, String?)] {
      let event = WatchEvent(try change(former, object)) { selector.matches($0) }
      #expect(event?.kind.rawValue == expected)
      if let event { #expect(event.object["metadata"]?["resourceVersion"] == "7") }
    }
  }

  @Test func aWindowTellsWhatItHasAndThatItForgot() {
    var window = WatchWindow(after: 10)
    #expect(window.changes(after: 9) == nil)
    #expect(window.changes(after: 10) == [])
    let changes = [12, 15, 20].map {
      WatchWindow.Change(index: $0, former: nil, object: .null)
    }
    for change in changes { window.append(change) }
    // The store reports it twice.
    window.append(changes[1])
    #expect(window.changes(after: 10) == changes)
    #expect(window.changes(after: 12) == Array(changes[1...]))
    #expect(window.changes(after: 20) == [] && window.changes(after: 25) == [])
    for index in 21...10_020 {
      window.append(.init(index: UInt64(index), former: nil, object: .null))
    }
    #expect(window.changes(after: 15) == nil)
    #expect(window.changes(after: 20)?.count == 10_000)
  }

  @Test func aListIsTakenPieceByPiece() throws {
    let objects = try (0..<5).map {
      ShownObject(try json(#"{"metadata":{"namespace":"n","name":"p\#($0)"}}"#))
    }
    var seen: [ShownObject] = []
    var token: String?
    repeat {
      let page = try ListPage(objects, limit: 2, after: token, index: 9)
      seen += page.items
      token = page.next
      #expect(page.rest == 5 - seen.count)
    } while token != nil
    #expect(seen == objects)
    #expect(throws: APIFailure.self) { try ListPage(objects, limit: 2, after: "?", index: 9) }
  }

  @Test(
    arguments: [
      (#"{"spec":{}}"#, nil, "remove"), (#"{"spec":{"nodeName":"m"}}"#, nil, "mark 30"),
      (#"{"spec":{"nodeName":"m"}}"#, 0, "remove"), (#"{"spec":{"nodeName":"m"}}"#, 5, "mark 5"),
      (#"{"spec":{"nodeName":"m","terminationGracePeriodSeconds":7}}"#, nil, "mark 7"),
      (#"{"spec":{"nodeName":"m"},"status":{"phase":"Failed"}}"#, nil, "remove"),
      (
        #"{"metadata":{"deletionTimestamp":"t","deletionGracePeriodSeconds":9},"spec":{"nodeName":"m"}}"#,
        nil, "none"
      ),
      (
        #"{"metadata":{"deletionTimestamp":"t","deletionGracePeriodSeconds":9},"spec":{"nodeName":"m"}}"#,
        3, "mark 3"
      ),
    ] as [(String, Int64?, String)])
  func aPodHasItsTimeToEnd(pod: String, grace: Int64?, expected: String) throws {
    var pod = try json(pod)
    if pod["metadata"] == nil { pod["metadata"] = [:] }
    var options = try DeleteOptions([:])
    options.gracePeriod = grace
    switch options.step(of: pod, .pods, now: 100) {
    case .remove: #expect(expected == "remove")
    case .none: #expect(expected == "none")
    case .mark(let marked):
      let seconds = marked["metadata"]?["deletionGracePeriodSeconds"]?.integer ?? 0
      #expect(expected == "mark \(seconds)")
      #expect(
        marked["metadata"]?["deletionTimestamp"] == .string(KubernetesTime.seconds(100 + seconds)))
    }
  }

  @Test(arguments: [(40, "True"), (41, "Unknown")] as [(Int64, String)])
  func aNodeThatSaysNothingIsShownSo(age: Int64, status: String) throws {
    let node = try json(
      #"{"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Mine","status":"True"}]}}"#
    )
    let shown = NodeLiveness.shown(node, lastSign: 100, now: 100 + age, gracePeriod: 40, since: "t")
    let conditions = shown["status"]?["conditions"]?.elements ?? []
    #expect(conditions.map { $0["status"]?.string } == [status, "True"])
    #expect(
      NodeLiveness.shown(node, lastSign: nil, now: 1_000, gracePeriod: 40, since: "t") == node)
  }

  @Test func theContainerWhoseLogIsMeantHasToBeNamed() throws {
    let one = try json(#"{"metadata":{"name":"p"},"spec":{"containers":[{"name":"a"}]}}"#)
    let two = try json(
      #"{"metadata":{"name":"p"},"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#)
    #expect(try PodLog.container(of: one, wanted: nil) == "a")
    #expect(try PodLog.container(of: two, wanted: "b") == "b")
    let failure = #expect(throws: APIFailure.self) { try PodLog.container(of: two, wanted: nil) }
    #expect(
      failure?.message == "a container name must be specified for pod p, choose one of: [a b]")
    #expect(throws: APIFailure.self) { try PodLog.container(of: one, wanted: "x") }
  }
}
