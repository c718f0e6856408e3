import KubernetesObjects
import Testing

@Suite struct ObjectMetadataTests {
  private static let pod: JSONValue = [
    "metadata": [
      "name": "a", "uid": "u", "labels": ["app": "web"],
      "annotations": ["kubernetes.io/config.mirror": "hash"],
      "ownerReferences": [["name": "n"], ["name": "rc", "controller": true]],
    ],
    "spec": ["nodeName": "m1"],
    "status": ["phase": "Succeeded", "conditions": [["type": "Ready", "status": "False"]]],
  ]

  @Test func aPodIsRead() {
    let metadata = Self.pod.metadata
    #expect(metadata.name == "a" && metadata.uid == "u" && metadata.namespace.isEmpty)
    #expect(metadata.labels == ["app": "web"])
    #expect(metadata.controller?["name"] == "rc")
    #expect(!metadata.isBeingDeleted)
    #expect(Self.pod.isMirror && Self.pod.hasEnded && Self.pod.nodeName == "m1")
    #expect(Self.pod.conditionStatus("Ready") == "False")
    #expect(Self.pod.condition("Initialized") == nil)
  }

  @Test(arguments: [[:], .null, ["metadata": .null, "status": []]] as [JSONValue])
  func whatIsMissingIsEmpty(_ object: JSONValue) {
    #expect(object.metadata.name.isEmpty && object.metadata.labels.isEmpty)
    #expect(object.metadata.controller == nil && !object.isMirror && !object.hasEnded)
  }
}
