import KubernetesObjects
import Testing

@testable import TestCluster

/// `PodColumnsTests` has the columns READY, STATUS and RESTARTS, case by case.
@Suite struct PodRowTests {
  private static let now: Int64 = 1_767_323_105  // 2026-01-02T03:05:05Z

  private func row(status: String) throws -> PodRow {
    let json = """
      {"metadata":{"name":"p-kube-master1"},
      "spec":{"containers":[{"name":"a"},{"name":"b"}]},"status":\(status)}
      """
    return PodRow(try JSONValue(parsing: Array(json.utf8)), now: Self.now)
  }

  @Test func `a running pod counts its age from its start`() throws {
    let row = try self.row(
      status: """
        {"phase":"Running","startTime":"2026-01-02T03:02:00Z","containerStatuses":[
        {"ready":true,"restartCount":0,"state":{"running":{"startedAt":"2026-01-02T03:02:00Z"}}},
        {"ready":false,"restartCount":0,"state":{"running":{}}}]}
        """)
    #expect(
      row
        == PodRow(
          name: "p-kube-master1", ready: "1/2", status: "Running", restarts: "0", age: "3m5s"))
  }

  @Test func `a pod whose start is unknown has no age, one without a manifest is terminating`()
    throws
  {
    let row = try self.row(status: #"{"phase":"Pending"}"#)
    #expect(row.age == "<unknown>")
    let pod = #"{"metadata":{"name":"p"},"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#
    #expect(
      PodRow(terminating: try JSONValue(parsing: Array(pod.utf8)))
        == PodRow(name: "p", ready: "2/2", status: "Terminating", restarts: "0", age: "<unknown>"))
  }

  @Test func `a kubelet without pods says null`() throws {
    let json = #"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"#
    #expect(try JSONValue(parsing: Array(json.utf8))["items"]?.elements == [])
  }
}
