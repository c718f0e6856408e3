import KubernetesObjects
import Testing

@testable import FakeAPIServer

/// The scale of a replication controller.
@Suite struct ScaleTests {
  private static let controller: JSONValue = [
    "metadata": ["name": "web", "resourceVersion": "7", "labels": ["a": "b"]],
    "spec": ["replicas": 2, "selector": ["tier": "front", "app": "web"], "template": [:]],
    "status": ["replicas": 1],
  ]

  @Test func `A scale is a controller's numbers`() {
    #expect(
      Scale.of(Self.controller) == [
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": ["name": "web", "resourceVersion": "7"], "spec": ["replicas": 2],
        "status": ["replicas": 1, "selector": "app=web,tier=front"],
      ])
  }

  @Test(arguments: [(["replicas": 5], 5), (["replicas": 0], 0), ([:], 0)] as [(JSONValue, Int64)])
  func itsNumberIsTheControllers(_ spec: JSONValue, _ replicas: Int64) throws {
    var expected = Self.controller
    expected["spec"]?["replicas"] = .integer(replicas)
    #expect(try Scale.applied(["spec": spec], to: Self.controller) == expected)
  }

  @Test(arguments: [-1, "3", .number(1.5)] as [JSONValue])
  func whatIsNoNumberIsRefused(_ replicas: JSONValue) {
    #expect {
      try Scale.applied(["spec": ["replicas": replicas]], to: Self.controller)
    } throws: {
      ($0 as? APIFailure)?.code == 422
    }
  }
}
