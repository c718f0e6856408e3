import KubernetesObjects
import TestSupport
import Testing

@testable import FakeAPIServer

/// The minimal OpenAPI for `kubectl create` and `kubectl apply`.
@Suite struct OpenAPITests {
  private static let protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

  private static func body(_ path: String) throws -> JSONValue {
    let answer = try #require(OpenAPI.answer(path: path, accept: "application/json, */*"))
    #expect(answer.contentType == "application/json")
    return try Samples.json(String(decoding: answer.body, as: UTF8.self))
  }

  @Test func `The third version names a document for each group`() throws {
    let index = try Self.body("/openapi/v3")
    #expect(index["paths"]?["api/v1"] == ["serverRelativeURL": "/openapi/v3/api/v1"])
    for entry in index["paths"]?.members.values ?? [:].values {
      let path = try #require(entry["serverRelativeURL"]?.string)
      #expect(try Self.body(path)["openapi"] == "3.0.0")
    }
    #expect(index["paths"]?.members.count == 3)
  }

  @Test(arguments: [
    ("/openapi/v3/api/v1", "/api/v1/namespaces/{namespace}/pods/{name}", "", "Pod"),
    ("/openapi/v3/api/v1", "/api/v1/namespaces/{name}", "", "Namespace"),
    (
      "/openapi/v3/apis/coordination.k8s.io/v1",
      "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}", "coordination.k8s.io",
      "Lease"
    ),
  ])
  func document(_ path: String, _ object: String, _ group: JSONValue, _ kind: JSONValue) throws {
    let patch = try #require(try Self.body(path)["paths"]?[object]?["patch"])
    #expect(
      patch["x-kubernetes-group-version-kind"] == ["group": group, "version": "v1", "kind": kind])
    #expect(
      patch["parameters"] == [
        ["name": "dryRun", "in": "query", "schema": ["type": "string"]],
        ["name": "fieldValidation", "in": "query", "schema": ["type": "string"]],
      ])
  }

  @Test func `The second version comes as protocol buffers or as JSON`() throws {
    let json = try Self.body("/openapi/v2")
    #expect(json["swagger"] == "2.0")
    let answer = try #require(OpenAPI.answer(path: "/openapi/v2", accept: Self.protobuf))
    #expect(answer.contentType == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
    let document = try #require(ProtobufMessage(answer.body))
    #expect(document.bytes(1) == Array("2.0".utf8))
    let paths = try #require(document.bytes(8).flatMap { ProtobufMessage($0) })
    let names = paths.all(2).compactMap { ProtobufMessage($0)?.bytes(1) }
    #expect(
      Set(names.map { String(decoding: $0, as: UTF8.self) })
        == Set((json["paths"]?.members ?? [:]).keys))
  }

  @Test(arguments: [
    "/openapi", "/openapi/v3/", "/openapi/v3/api/v2", "/openapi/v3/version", "/api",
  ])
  func otherPaths(_ path: String) { #expect(OpenAPI.answer(path: path, accept: "") == nil) }
}
