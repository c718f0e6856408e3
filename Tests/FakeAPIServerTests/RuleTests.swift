import AsyncHTTPClient
import KubernetesClient
import KubernetesObjects
import NIOCore
import TestSupport
import Testing

@testable import FakeAPIServer

/// What the real server refuses, keeps or answers.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct RuleTests {
  private static let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
  private static let patch = "application/json-patch+json"

  @Test func pagesOfAllNamespacesHaveEachObjectOnce() throws {
    let objects = try ["a/1", "a/2", "a-b/1", "a-b/2", "b/1"].map {
      let parts = $0.split(separator: "/")
      return ShownObject(
        try json(#"{"metadata":{"namespace":"\#(parts[0])","name":"\#(parts[1])"}}"#))
    }
    var seen: [ShownObject] = []
    var token: String?
    repeat {
      let page = try ListPage(objects, limit: 1, after: token, index: 9)
      seen += page.items
      token = page.next
    } while token != nil && seen.count < 10
    #expect(seen == objects)
  }

  @Test(arguments: [
    ("pods", "spec.hostNetwork=false", "{}", true),
    ("pods", "spec.hostNetwork=true", "{}", false),
    ("pods", "spec.hostNetwork=true", #"{"spec":{"hostNetwork":true}}"#, true),
    ("nodes", "spec.unschedulable=false", "{}", true),
    ("nodes", "spec.unschedulable!=true", "{}", true),
    ("replicationcontrollers", "status.replicas=0", "{}", true),
    ("events", "source=kubelet", #"{"source":{"component":"kubelet"}}"#, true),
    ("events", "source=kubelet", #"{"reportingComponent":"kubelet"}"#, true),
    ("events", "source=kubelet", #"{"source":{"component":"other"}}"#, false),
    ("namespaces", "name=n", #"{"metadata":{"name":"n"}}"#, true),
  ])
  func anAbsentFieldHasItsZero(
    resource: String, selector: String, object: String, matches: Bool
  ) throws {
    let resource = try #require(APIResource.all.first { $0.name == resource })
    #expect(try FieldSelector(selector, of: resource).matches(json(object)) == matches)
  }

  @Test(
    arguments: [
      (#"{"l":{"a":"b"},"c":1}"#, #"{"l":{"$patch":"delete"}}"#, #"{"l":{},"c":1}"#),
      (#"{"l":{"a":"b"}}"#, #"{"l":{"$patch":"replace","c":"d"}}"#, #"{"l":{"c":"d"}}"#),
      (#"{"l":{"a":"b"}}"#, #"{"l":{"$patch":"merge","c":"d"}}"#, #"{"l":{"a":"b","c":"d"}}"#),
      (
        #"{"args":["a"]}"#, #"{"args":[{"$patch":"replace"},"b"]}"#, #"{"args":["b"]}"#
      ),
      (#"{"l":{}}"#, #"{"l":{"$patch":"other"}}"#, nil),
      (#"{"args":["a"]}"#, #"{"args":[{"$patch":"delete"}]}"#, nil),
      (#"{"env":[{"name":"a"}]}"#, #"{"env":[{"$patch":"delete"}]}"#, nil),
    ] as [(String, String, String?)])
  func directivesOfAPatch(object: String, patch: String, expected: String?) throws {
    let patch = try Patch(
      contentType: "application/strategic-merge-patch+json", body: json(patch))
    guard let expected else {
      let failure = #expect(throws: APIFailure.self) { try patch.applied(to: json(object)) }
      #expect(failure?.code == 400)
      return
    }
    #expect(try patch.applied(to: json(object)) == json(expected))
  }

  @Test func aPatchCanTestTheVersion() async throws {
    try await withServer { server in
      let made = try await server.call("POST", Caller.pods, Caller.pod("a")).body
      func patch(_ operations: String) async throws -> Int {
        try await server.call("PATCH", "\(Caller.pods)/a", operations, type: Self.patch).code
      }
      let version = made.metadata.resourceVersion
      let test = #"{"op":"test","path":"/metadata/resourceVersion","value":"\#(version)"}"#
      let label = #"{"op":"add","path":"/metadata/labels","value":{"a":"b"}}"#
      #expect(try await patch("[\(test),\(label)]") == 200)
      #expect(try await patch("[\(test),\(label)]") == 422)
      let name = #"{"op":"replace","path":"/metadata/resourceVersion","value":"\#(version)"}"#
      #expect(try await patch("[\(name),\(label)]") == 409)
    }
  }

  @Test(arguments: [
    (#"{"leaseDurationSeconds":0}"#, 422, "spec.leaseDurationSeconds"),
    (#"{"leaseTransitions":-1}"#, 422, "spec.leaseTransitions"),
    (#"{"preferredHolder":"a"}"#, 422, "spec.preferredHolder"),
    (#"{"leaseDurationSeconds":"15"}"#, 400, "spec.leaseDurationSeconds"),
    (#"{"renewTime":"yesterday"}"#, 400, "spec.renewTime"),
    (#"{"holderIdentity":"a","leaseDurationSeconds":15,"leaseTransitions":0}"#, 0, ""),
  ])
  func leasesAreChecked(spec: String, code: Int, field: String) throws {
    let rules = ObjectRules(resource: .leases, namespace: "default")
    try Self.check(rules, #"{"metadata":{"name":"l"},"spec":\#(spec)}"#, code, field)
  }

  @Test(arguments: [
    (#"{}"#, 422, "spec.selector"), (#"{"selector":{"app":"x"}}"#, 422, "spec.template"),
    (#"{"replicas":-1,TEMPLATE}"#, 422, "spec.replicas"),
    (#"{"replicas":"2",TEMPLATE}"#, 400, "spec.replicas"),
    (#"{"minReadySeconds":-1,TEMPLATE}"#, 422, "spec.minReadySeconds"),
    (#"{"selector":{"app":"x"},TEMPLATE}"#, 422, "spec.template.metadata.labels"),
    (
      #"{"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[]}}}"#, 422,
      "spec.template.spec.containers"
    ),
    (
      #"{"template":{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}"#,
      422, "spec.template.spec.restartPolicy"
    ),
    (#"{"replicas":2,TEMPLATE}"#, 0, ""),
  ])
  func controllersAreChecked(spec: String, code: Int, field: String) throws {
    let template =
      #""template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}"#
    let rules = ObjectRules(resource: .replicationControllers, namespace: "default")
    let spec = spec.replacing("TEMPLATE", with: template)
    try Self.check(rules, #"{"metadata":{"name":"web"},"spec":\#(spec)}"#, code, field)
  }

  private static func check(
    _ rules: ObjectRules, _ body: String, _ code: Int, _ field: String
  ) throws {
    let stamp = ObjectRules.Stamp(time: "2026-01-02T03:04:05Z", uid: "u1", suffix: "abcde")
    let object = try json(body)
    do throws(APIFailure) {
      _ = try rules.created(object, stamp)
      #expect(code == 0)
    } catch {
      #expect(error.code == code && error.message.contains("\(field): "), "\(error)")
    }
  }

  @Test func aPUTMakesALease() async throws {
    try await withServer { server in
      let body = #"{"metadata":{"name":"l"},"spec":{"holderIdentity":"a"}}"#
      let made = try await server.call("PUT", "\(Self.leases)/l", body)
      #expect(made.code == 201 && !made.body.metadata.uid.isEmpty)
      #expect(try await server.call("PUT", "\(Self.leases)/l", body).code == 422)
      #expect(try await server.call("PUT", "\(Self.leases)/other", body).code == 400)
      var gone = made.body
      gone["metadata"]?["name"] = "m"
      #expect(try await server.call("PUT", "\(Self.leases)/m", "\(gone)").code == 409)
      #expect(try await server.call("PUT", "\(Caller.pods)/a", Caller.pod("a")).code == 404)
    }
  }

  @Test func aMirrorStaysAMirror() throws {
    let rules = ObjectRules(resource: .pods, namespace: "default")
    let stamp = ObjectRules.Stamp(time: "2026-01-02T03:04:05Z", uid: "u1", suffix: "abcde")
    var plain = try rules.created(json(Caller.pod("a")), stamp)
    plain["spec"]?["nodeName"] = "n"
    var mirror = plain
    mirror["metadata"]?["annotations"] = ["kubernetes.io/config.mirror": "x"]
    var other = plain
    other["metadata"]?["annotations"] = ["kubernetes.io/config.mirror": "y"]
    for part in [nil, "status"] {
      for (old, new, words) in [
        (plain, mirror, "may not add"), (mirror, other, "may not remove or update"),
      ] {
        let failure = #expect(throws: APIFailure.self) {
          try rules.updated(new, from: old, part: part)
        }
        #expect(failure?.code == 422)
        #expect(
          failure?.message.contains(
            "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: \(words) mirror pod annotation"
          ) == true)
      }
      #expect(throws: Never.self) { try rules.updated(mirror, from: mirror, part: part) }
    }
    #expect(throws: APIFailure.self) { try rules.updated(plain, from: mirror) }
  }

  @Test func aNamespaceIsLabelledWithItsName() throws {
    let rules = ObjectRules(resource: .namespaces, namespace: nil)
    let stamp = ObjectRules.Stamp(time: "2026-01-02T03:04:05Z", uid: "u1", suffix: "abcde")
    let made = try rules.created(json(#"{"metadata":{"name":"n","labels":{"a":"b"}}}"#), stamp)
    let labels: [String: JSONValue] = ["a": "b", "kubernetes.io/metadata.name": "n"]
    #expect(made.metadata.labels == labels)
    var changed = made
    changed["metadata"]?["labels"] = nil
    #expect(
      try rules.updated(changed, from: made).metadata.labels
        == ["kubernetes.io/metadata.name": "n"])
  }

  @Test func aStrangersConditionStays() async throws {
    try await withServer { server in
      let node =
        #"{"metadata":{"name":"m1"},"status":{"conditions":[{"type":"Mine","status":"True"}]}}"#
      _ = try await server.call("POST", "/api/v1/nodes", node)
      // As a kubelet sends it.
      _ = try await APIServer(url: server.url).send(
        APIRequest(
          "PATCH", "/api/v1/nodes/m1/status",
          ["status": ["conditions": [["type": "Ready", "status": "True"]]]]))
      let seen = try await server.call("GET", "/api/v1/nodes/m1").body
      #expect(
        Set(seen["status"]?["conditions"]?.elements.compactMap { $0["type"]?.string } ?? [])
          == ["Mine", "Ready"])
    }
  }

  @Test func fieldsThatAKindDoesNotHave() async throws {
    try await withServer { server in
      let body = #"""
        {"kind":"Pod","metadata":{"name":"a","colour":1},"spec":{"nodeName":"","nodeName":"m",
         "containers":[{"name":"c","image":"i:1","imag":"x"}]}}
        """#
      let refused = try await server.call("POST", "\(Caller.pods)?fieldValidation=Strict", body)
      #expect(refused.code == 400)
      #expect(
        refused.body["message"]
          == #"Pod in version "v1" cannot be handled as a Pod: strict decoding error: duplicate field "spec.nodeName", unknown field "metadata.colour", unknown field "spec.containers[0].imag""#
      )
      let yaml = try await server.call(
        "POST", "\(Caller.pods)?fieldValidation=Strict",
        "kind: Pod\nspec:\n  nodeName: a\n  nodeName: b\n  nodeName: c\n  containers: []\n",
        type: "application/yaml")
      #expect(yaml.code == 400)
      #expect(
        yaml.body["message"]
          == #"Pod in version "v1" cannot be handled as a Pod: strict decoding error: line 4: key "nodeName" already set in map, line 5: key "nodeName" already set in map"#
      )
      let other = try await server.call("POST", "\(Caller.pods)?fieldValidation=Maybe", body)
      #expect(other.code == 422)
      for (query, warnings) in [("?fieldValidation=Ignore", 0), ("", 3)] {
        var request = HTTPClientRequest(url: server.url + Caller.pods + query)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(
          ByteBuffer(string: body.replacing(#""name":"a""#, with: #""name":"a\#(warnings)""#)))
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        #expect(answer.status.code == 201)
        let headers = answer.headers["warning"]
        #expect(headers.count == warnings)
        if warnings > 0 { #expect(headers.first == #"299 - "duplicate field \"spec.nodeName\"""#) }
        let stored = try await server.call("GET", "\(Caller.pods)/a\(warnings)").body
        #expect(stored["metadata"]?["colour"] == nil)
      }
      for (query, code) in [("?fieldValidation=Strict", 422), ("", 200)] {
        let patched = try await server.call(
          "PATCH", "\(Caller.pods)/a0\(query)", #"{"spec":{"imag":"x"}}"#,
          type: "application/strategic-merge-patch+json")
        #expect(patched.code == code)
      }
    }
  }

  @Test(arguments: ["healthz", "livez", "readyz"])
  func checksAreListed(name: String) async throws {
    try await withServer { server in
      let answer = try await server.call("GET", "/\(name)?verbose")
      #expect(
        answer.body == .string("[+]ping ok\n[+]etcd ok\n\(name) check passed\n"))
      #expect(try await server.call("GET", "/\(name)").body == "ok")
    }
  }

  @Test(arguments: ["attach", "exec", "portforward"])
  func whatThereIsNotIsAStatus(name: String) async throws {
    try await withServer { server in
      for method in ["GET", "POST"] {
        let answer = try await server.call(method, "\(Caller.pods)/a/\(name)?command=ls")
        #expect(answer.code == 405 && answer.body["kind"] == "Status")
        #expect(
          answer.body["message"]
            == .string("\(name) is not supported on resources of kind \"pods\""))
      }
    }
  }
}
