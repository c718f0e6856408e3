import FoundationEssentials
import Testing

@testable import TestCluster

@Suite struct ClusterRecordTests {
  @Test func `what is written is what is read`() throws {
    var record = ClusterRecord(supervisor: ProcessIdentity(pid: 1, startTicks: 2))
    record.store = ["http://127.0.0.1:2379"]
    record.nodes = [
      ClusterRecord.Node(
        name: "kube-master1", kubelet: "http://127.0.0.1:10250", directory: "/x/kube-master1")
    ]
    record.processes = [
      ClusterRecord.Process(
        name: "kube-master1/fake-kubelet",
        identity: ProcessIdentity(pid: 42, startTicks: 18_446_744_073_709_551_615))
    ]
    #expect(try ClusterRecord(decoding: record.encoded()) == record)
    #expect(try ClusterRecord(decoding: ClusterRecord().encoded()) == ClusterRecord())
  }

  @Test func `a process is known by its number and its start`() throws {
    let own = try #require(ProcessIdentity(pid: ProcessInfo.processInfo.processIdentifier))
    #expect(own.isAlive)
    #expect(!ProcessIdentity(pid: own.pid, startTicks: own.startTicks - 1).isAlive)
  }
}
