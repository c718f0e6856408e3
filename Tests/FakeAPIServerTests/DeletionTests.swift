import KubernetesObjects
import TestSupport
import Testing

@testable import FakeAPIServer

/// Finalizers, dependents, and deletions that a server began and did not end.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct DeletionTests {
  private static let controllers = "/api/v1/namespaces/default/replicationcontrollers"
  private static let merge = "application/merge-patch+json"
  private static let controller = #"""
    {"metadata":{"name":"web"},"spec":{"template":{"metadata":{"labels":{"app":"web"}},
     "spec":{"containers":[{"name":"c","image":"i:1"}]}}}}
    """#

  @Test func anObjectStaysUntilItsLastFinalizerIsGone() async throws {
    try await withServer { server in
      for (path, body) in [
        (Caller.pods, Caller.pod("a")), (Self.controllers, Self.controller),
        ("/api/v1/nodes", #"{"metadata":{"name":"m1"}}"#),
      ] {
        var object = try json(body)
        object["metadata"]?["finalizers"] = ["example.com/one", "example.com/other"]
        let name = object.metadata.name
        #expect(try await server.call("POST", path, "\(object)").code == 201)
        let marked = try await server.call("DELETE", "\(path)/\(name)")
        #expect(marked.code == 200 && marked.body.metadata.isBeingDeleted)
        let more = try await server.call(
          "PATCH", "\(path)/\(name)",
          #"{"metadata":{"finalizers":["example.com/one","example.com/two"]}}"#, type: Self.merge)
        #expect(more.code == 422)
        #expect(
          more.body["message"]?.string?.contains(
            #"no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/two"}"#
          ) == true)
        for finalizers in [#"["example.com/one"]"#, "null"] {
          #expect(try await server.call("GET", "\(path)/\(name)").code == 200, "\(path)")
          let freed = try await server.call(
            "PATCH", "\(path)/\(name)", #"{"metadata":{"finalizers":\#(finalizers)}}"#,
            type: Self.merge)
          #expect(freed.code == 200)
        }
        #expect(try await server.call("GET", "\(path)/\(name)").code == 404, "\(path)")
      }
    }
  }

  @Test func orphansLoseTheirOwnerAndStay() async throws {
    try await withServer { server in
      let owner = try await server.call("POST", Self.controllers, Self.controller).body
      var pod = try json(Caller.pod("a"))
      pod["metadata"]?["ownerReferences"] = [
        [
          "apiVersion": "v1", "kind": "ReplicationController", "name": "web", "controller": true,
          "uid": .string(owner.metadata.uid),
        ]
      ]
      #expect(try await server.call("POST", Caller.pods, "\(pod)").code == 201)
      let wrong = try await server.call(
        "DELETE", "\(Self.controllers)/web", #"{"propagationPolicy":"Maybe"}"#)
      #expect(wrong.code == 422)
      let deleted = try await server.call(
        "DELETE", "\(Self.controllers)/web", #"{"propagationPolicy":"Orphan"}"#)
      #expect(deleted.code == 200)
      #expect(try await server.call("GET", "\(Self.controllers)/web").code == 404)
      let orphan = try await server.call("GET", "\(Caller.pods)/a")
      #expect(orphan.code == 200 && orphan.body["metadata"]?["ownerReferences"] == nil)
    }
  }

  @Test func whatADeadServerBeganIsEnded() async throws {
    try await withServers { servers, client in
      let server = servers[0]
      _ = try await server.call("POST", "/api/v1/namespaces", #"{"metadata":{"name":"n"}}"#)
      _ = try await server.call("POST", "/api/v1/namespaces/n/pods", Caller.pod("a"))
      _ = try await server.call("POST", Self.controllers, Self.controller)
      // What a server leaves that is killed between the mark and the end.
      var namespace = try await server.call("GET", "/api/v1/namespaces/n").body
      namespace["metadata"]?["deletionTimestamp"] = "2026-01-02T03:04:05Z"
      namespace["status"] = ["phase": "Terminating"]
      try await client.put("/registry/namespaces/n", value: "\(namespace)")
      var owner = try await server.call("GET", "\(Self.controllers)/web").body
      owner["metadata"]?["deletionTimestamp"] = "2026-01-02T03:04:05Z"
      owner["metadata"]?["finalizers"] = ["orphan"]
      try await client.put("/registry/replicationcontrollers/default/web", value: "\(owner)")
      try await eventually("the namespace and the controller are gone") {
        let codes = [
          try await server.call("GET", "/api/v1/namespaces/n").code,
          try await server.call("GET", "\(Self.controllers)/web").code,
        ]
        return codes == [404, 404]
      }
      #expect(try await server.call("GET", "/api/v1/pods").body["items"] == [])
    }
  }

  @Test func aNamespaceWaitsForTheFinalizersInIt() async throws {
    try await withServer { server in
      _ = try await server.call("POST", "/api/v1/namespaces", #"{"metadata":{"name":"n"}}"#)
      var pod = try json(Caller.pod("a"))
      pod["metadata"]?["finalizers"] = ["example.com/one"]
      let pods = "/api/v1/namespaces/n/pods"
      _ = try await server.call("POST", pods, "\(pod)")
      let marked = try await server.call("DELETE", "/api/v1/namespaces/n")
      #expect(marked.body["status"]?["phase"] == "Terminating")
      #expect(try await server.call("GET", "\(pods)/a").body.metadata.isBeingDeleted)
      _ = try await server.call(
        "PATCH", "\(pods)/a", #"{"metadata":{"finalizers":null}}"#, type: Self.merge)
      try await eventually("the namespace is gone") {
        try await server.call("GET", "/api/v1/namespaces/n").code == 404
      }
    }
  }
}
