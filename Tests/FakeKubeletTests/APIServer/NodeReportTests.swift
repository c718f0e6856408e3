import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

@Suite struct NodeReportTests {
  static let facts = MachineFacts(
    cpus: 4, memoryBytes: 8 << 30, availableMemoryBytes: 4 << 30, diskBytes: 100 << 30,
    availableDiskBytes: 50 << 30, machineID: "m", systemUUID: "s", bootID: "b",
    kernelVersion: "6.1", osImage: "Debian", architecture: "amd64")
  static let identity = NodeReport.Identity(
    name: "n1", address: "10.0.0.1", port: 12345, labels: ["zone": "a"], kubeletVersion: "v1.26.0",
    runtimeVersion: "pretend://x")

  @Test func theObjectIsARealNodes() {
    var report = NodeReport(Self.identity)
    let node = report.object(Self.facts, now: "2026-01-02T03:04:05Z")
    #expect(node["kind"] == "Node" && node["metadata"]?["name"] == "n1")
    #expect(
      node["metadata"]?["labels"] == [
        "kubernetes.io/hostname": "n1", "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64", "zone": "a",
      ])
    let status = node["status"]
    #expect(
      status?["capacity"] == [
        "cpu": "4", "memory": "8388608Ki", "ephemeral-storage": "104857600Ki", "pods": "110",
      ])
    #expect(status?["allocatable"] == status?["capacity"])
    #expect(
      status?["addresses"] == [
        ["type": "InternalIP", "address": "10.0.0.1"], ["type": "Hostname", "address": "n1"],
      ])
    #expect(status?["daemonEndpoints"] == ["kubeletEndpoint": ["Port": 12345]])
    #expect(status?["nodeInfo"]?["kubeletVersion"] == "v1.26.0")
    #expect(
      status?["conditions"]?.elements.map { $0["type"] } == [
        "MemoryPressure", "DiskPressure", "Ready",
      ])
  }

  @Test func aConditionsTimeIsThatOfItsLastChange() {
    var report = NodeReport(Self.identity)
    var short = Self.facts
    short.availableMemoryBytes = 1 << 20
    short.availableDiskBytes = 1 << 30
    func conditions(_ facts: MachineFacts, _ now: String) -> [[JSONValue?]] {
      (report.status(facts, now: now)["conditions"]?.elements ?? []).map {
        [$0["status"], $0["lastHeartbeatTime"], $0["lastTransitionTime"]]
      }
    }
    #expect(
      conditions(Self.facts, "1") == [
        ["False", "1", "1"], ["False", "1", "1"], ["True", "1", "1"],
      ])
    #expect(
      conditions(short, "2") == [["True", "2", "2"], ["True", "2", "2"], ["True", "2", "1"]])
    #expect(
      conditions(short, "3") == [["True", "3", "2"], ["True", "3", "2"], ["True", "3", "1"]])
  }

  @Test func theLeaseIsTheNodes() {
    let lease = NodeReport(Self.identity).lease(uid: "u", now: "2026-01-02T03:04:05.000000Z")
    #expect(lease["metadata"]?["namespace"] == "kube-node-lease")
    #expect(lease["spec"]?["leaseDurationSeconds"] == 40)
    #expect(lease["spec"]?["renewTime"] == "2026-01-02T03:04:05.000000Z")
    #expect(lease["metadata"]?["ownerReferences"]?.elements.first?["uid"] == "u")
  }

  @Test func theMachineHasFigures() {
    let facts = MachineFacts.machine(directory: "/")
    #expect(facts.cpus > 0 && facts.memoryBytes > 0 && facts.diskBytes > 0)
    #expect(!facts.kernelVersion.isEmpty && !facts.bootID.isEmpty)
  }

  @Test(arguments: [
    ("NAME=x\nPRETTY_NAME=\"Debian 12\"\n", "Debian 12"), ("PRETTY_NAME=a\n", "a"), ("", ""),
  ]) func theSystemsName(_ text: String, _ name: String) {
    #expect(MachineFacts.osImage(text) == name)
  }
}
