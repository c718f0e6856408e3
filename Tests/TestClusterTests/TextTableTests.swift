import Testing

@testable import TestCluster

@Suite struct TextTableTests {
  @Test func `the recipe's table looks as kubectl prints it`() {
    let rows = [
      PodRow(
        name: "kube-controller-manager-kube-master1", ready: "1/1", status: "Running",
        restarts: "0", age: "3m"),
      PodRow(
        name: "kube-scheduler-kube-master2", ready: "1/1", status: "Running", restarts: "0",
        age: "3m"),
      PodRow(
        name: "podmaster-kube-master1", ready: "2/2", status: "Running", restarts: "1 (12s ago)",
        age: "1m"),
    ]
    #expect(
      PodRow.table(rows).description == """
        NAME                                   READY   STATUS    RESTARTS      AGE
        kube-controller-manager-kube-master1   1/1     Running   0             3m
        kube-scheduler-kube-master2            1/1     Running   0             3m
        podmaster-kube-master1                 2/2     Running   1 (12s ago)   1m
        """)
  }

  @Test func `a table without rows is its header`() {
    #expect(TextTable(header: ["A", "BC"], rows: []).description == "A   BC")
  }

  @Test func `in Markdown a row is a line between bars`() {
    #expect(
      TextTable(header: ["A", "B"], rows: [["1", "two"]]).markdown == """
        | A   | B   |
        | --- | --- |
        | 1   | two |
        """)
  }

  @Test func `seconds are rounded to their decimals`() {
    #expect(Duration.milliseconds(2_405).inSeconds(decimals: 2) == "2.41")
    #expect(Duration.milliseconds(42).inSeconds(decimals: 3) == "0.042")
    #expect(Duration.seconds(4).inSeconds() == "4")
  }
}
