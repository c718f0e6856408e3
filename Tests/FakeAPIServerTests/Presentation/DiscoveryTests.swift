import KubernetesObjects
import Testing

@testable import FakeAPIServer

/// The description of the server, which clients read first.
@Suite struct DiscoveryTests {
  /// kubectl's header `Accept`, by version.
  private static let (newest, newer, old) = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
      + "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
    "application/json, */*"
  )

  private static func body(_ path: String, accept: String = old) throws -> JSONValue {
    let answer = try #require(Discovery.answer(path: path, accept: accept))
    #expect(answer.contentType == "application/json")
    return answer.body
  }

  @Test func `The older form has a document for each group`() throws {
    #expect(try Self.body("/api") == ["kind": "APIVersions", "versions": ["v1"]])
    #expect(
      try Self.body("/apis")["groups"]?.elements.first { $0["name"] == "coordination.k8s.io" } == [
        "name": "coordination.k8s.io",
        "versions": [["groupVersion": "coordination.k8s.io/v1", "version": "v1"]],
        "preferredVersion": ["groupVersion": "coordination.k8s.io/v1", "version": "v1"],
      ])
    let group = try Self.body("/apis/coordination.k8s.io")
    #expect(group["kind"] == "APIGroup")
    #expect(group["name"] == "coordination.k8s.io")
    let leases = try Self.body("/apis/coordination.k8s.io/v1")
    #expect(leases["kind"] == "APIResourceList")
    #expect(leases["groupVersion"] == "coordination.k8s.io/v1")
    #expect(leases["resources"]?.elements.first?["name"] == "leases")
  }

  @Test(arguments: [
    ("pods", "Pod", "pod", "po", true), ("nodes", "Node", "node", "no", false),
    ("namespaces", "Namespace", "namespace", "ns", false),
    ("events", "Event", "event", "ev", true),
    ("replicationcontrollers", "ReplicationController", "replicationcontroller", "rc", true),
  ])
  func coreResource(
    _ name: String, _ kind: JSONValue, _ singular: JSONValue, _ short: JSONValue, _ namespaced: Bool
  ) throws {
    let list = try Self.body("/api/v1")
    #expect(list["groupVersion"] == "v1")
    let resource = try #require(
      list["resources"]?.elements.first { $0["name"]?.string == name })
    #expect(resource["kind"] == kind)
    #expect(resource["singularName"] == singular)
    #expect(resource["shortNames"] == [short])
    #expect(resource["namespaced"] == .boolean(namespaced))
    let verbs = resource["verbs"]?.elements.compactMap(\.string) ?? []
    #expect(Set(verbs).isSuperset(of: ["get", "list", "watch", "create", "delete", "patch"]))
  }

  @Test(
    arguments: [
      [
        "name": "pods/log", "singularName": "", "namespaced": true, "kind": "Pod",
        "verbs": ["get"],
      ],
      // An object of another group.
      [
        "name": "replicationcontrollers/scale", "singularName": "", "namespaced": true,
        "group": "autoscaling", "version": "v1", "kind": "Scale",
        "verbs": ["get", "patch", "update"],
      ],
    ] as [JSONValue])
  func subresource(_ expected: JSONValue) throws {
    let resources = try Self.body("/api/v1")["resources"]?.elements ?? []
    #expect(resources.first { $0["name"] == expected["name"] } == expected)
  }

  @Test(arguments: [(newest, "v2"), (newer, "v2beta1")])
  func aggregated(_ accept: String, _ version: String) throws {
    let api = try #require(Discovery.answer(path: "/api", accept: accept))
    #expect(
      api.contentType
        == "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList")
    #expect(api.body["kind"] == "APIGroupDiscoveryList")
    #expect(api.body["apiVersion"] == .string("apidiscovery.k8s.io/\(version)"))
    let core = try #require(api.body["items"]?.elements.first)
    #expect(core["metadata"]?["name"] == "")
    let resources = core["versions"]?.elements.first?["resources"]?.elements ?? []
    let pods = try #require(resources.first { $0["resource"] == "pods" })
    #expect(pods["responseKind"] == ["group": "", "version": "v1", "kind": "Pod"])
    #expect(pods["scope"] == "Namespaced")
    #expect(pods["shortNames"] == ["po"])
    #expect(pods["categories"] == ["all"])
    #expect(pods["subresources"]?.elements.contains { $0["subresource"] == "log" } == true)
    #expect(resources.first { $0["resource"] == "nodes" }?["scope"] == "Cluster")

    let apis = try #require(Discovery.answer(path: "/apis", accept: accept))
    #expect(
      apis.body["items"]?.elements.map { $0["metadata"]?["name"] } == [
        "coordination.k8s.io", "policy",
      ])
  }

  @Test(arguments: [
    "", "*/*", old, "application/json,\(newest)",
    "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList",
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    "garbage;;=,,;", ";", "=",
  ])
  func olderForm(_ accept: String) throws {
    #expect(try Self.body("/api", accept: accept)["kind"] == "APIVersions")
  }

  @Test func `The version is a recent one`() throws {
    let version = try Self.body("/version")
    #expect(version["major"] == "1")
    #expect(version["minor"] == "32")
    #expect(version["gitVersion"] == "v1.32.0")
  }

  @Test(arguments: [
    "", "/", "/api/", "/api/v2", "/api/v1/pods", "/apis/apps", "/apis/coordination.k8s.io/v2",
    "/apis/", "/version/openapi", "/openapi/v3",
  ])
  func otherPaths(_ path: String) { #expect(Discovery.answer(path: path, accept: "") == nil) }
}
