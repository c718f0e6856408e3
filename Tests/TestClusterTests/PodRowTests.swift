import KubernetesObjects
import Testing

@testable import TestCluster

@Suite struct PodRowTests {
  private static let now: Int64 = 1_767_323_105  // 2026-01-02T03:05:05Z

  private func row(status: String, metadata: String = "") throws -> PodRow {
    let json = """
      {"metadata":{"name":"p-kube-master1"\(metadata)},
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

  @Test func `a waiting container's reason is the pod's status`() throws {
    let row = try self.row(
      status: """
        {"phase":"Running","containerStatuses":[
        {"ready":false,"restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
         "lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-01-02T03:04:53Z"}}},
        {"ready":true,"restartCount":1,"state":{"running":{}}}]}
        """)
    #expect(row.status == "CrashLoopBackOff")
    #expect(row.restarts == "4 (12s ago)")
    #expect(row.age == "<unknown>")
  }

  @Test(arguments: [
    (#"{"exitCode":3}"#, "ExitCode:3"), (#"{"signal":9}"#, "Signal:9"),
    (#"{"reason":"Error","exitCode":1}"#, "Error"),
  ])
  func `an ended container says how it ended`(end: String, status: String) throws {
    let row = try self.row(
      status: #"{"phase":"Failed","containerStatuses":[{"state":{"terminated":\#(end)}}]}"#)
    #expect(row.status == status)
  }

  @Test(arguments: [
    (#"{"name":"i","state":{"waiting":{"reason":"PodInitializing"}}}"#, "Init:0/2"),
    (#"{"name":"i","state":{"running":{}}}"#, "Init:0/2"),
    (
      #"{"name":"i","state":{"terminated":{"exitCode":0}}},{"name":"s","state":{"running":{}}}"#,
      "Init:1/2"
    ),
    (#"{"name":"i","state":{"terminated":{"exitCode":0}}},{"name":"s","started":true}"#, "Pending"),
    (#"{"name":"i","state":{"waiting":{"reason":"CrashLoopBackOff"}}}"#, "Init:CrashLoopBackOff"),
    (#"{"name":"i","state":{"terminated":{"exitCode":4}}}"#, "Init:ExitCode:4"),
    (#"{"name":"i","state":{"terminated":{"exitCode":4,"reason":"Error"}}}"#, "Init:Error"),
  ])
  func `init containers come first`(statuses: String, status: String) throws {
    let json = """
      {"metadata":{"name":"p"},"spec":{"containers":[{"name":"a"}],
      "initContainers":[{"name":"i"},{"name":"s","restartPolicy":"Always"}]},
      "status":{"phase":"Pending","initContainerStatuses":[\(statuses)]}}
      """
    #expect(PodRow(try JSONValue(parsing: Array(json.utf8)), now: Self.now).status == status)
  }

  @Test func `a pod that is being deleted is terminating`() throws {
    let row = try self.row(
      status: #"{"phase":"Running"}"#, metadata: #","deletionTimestamp":"2026-01-02T03:05:00Z""#)
    #expect(row.status == "Terminating")
  }

  @Test func `a kubelet without pods says null`() throws {
    let json = #"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"#
    #expect(try JSONValue(parsing: Array(json.utf8))["items"]?.elements == [])
  }
}
