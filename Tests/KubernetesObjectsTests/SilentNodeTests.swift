import KubernetesObjects
import Testing

@Suite struct SilentNodeTests {
  private func node(_ conditions: [JSONValue]) -> JSONValue {
    ["status": ["conditions": .array(conditions)]]
  }

  @Test func theConditionsSayWhy() {
    let node = self.node([
      ["type": "DiskPressure", "status": "False", "lastHeartbeatTime": "1"],
      ["type": "Ready", "status": "True", "lastHeartbeatTime": "1"],
    ])
    let conditions = SilentNode.conditions(of: node, since: "t").elements
    #expect(conditions.map { $0["type"] } == ["DiskPressure", "Ready"])
    for condition in conditions {
      #expect(condition["status"] == "Unknown" && condition["reason"] == "NodeStatusUnknown")
      #expect(condition["lastTransitionTime"] == "t" && condition["lastHeartbeatTime"] == "1")
    }
  }

  @Test(
    arguments: [
      ["type": "Mine", "status": "True"],
      ["type": "Ready", "status": "Unknown", "lastTransitionTime": "s"],
    ] as [JSONValue])
  func whatIsNotItsKubeletsOrUnknownAlreadyStays(_ condition: JSONValue) {
    let conditions = SilentNode.conditions(of: self.node([condition]), since: "t")
    #expect(conditions == .array([condition]))
  }

  @Test func aNodeThatHasNeverSaidAnythingHasNone() {
    #expect(SilentNode.conditions(of: [:], since: "t") == .array([]))
  }
}
