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

  @Test(arguments: [
    (-2, "<invalid>"), (-1, "0s"), (0, "0s"), (45, "45s"), (119, "119s"), (120, "2m"),
    (125, "2m5s"), (599, "9m59s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"),
    (19_800, "5h30m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"), (280_800, "3d6h"),
    (691_200, "8d"), (63_072_000, "2y"), (96_336_000, "3y20d"), (252_288_000, "8y"),
  ])
  func `ages are written as kubectl writes them`(seconds: Int, text: String) {
    #expect(Age.text(seconds: seconds) == text)
  }

  @Test func `seconds are rounded to their decimals`() {
    #expect(Duration.milliseconds(2_405).inSeconds(decimals: 2) == "2.41")
    #expect(Duration.milliseconds(42).inSeconds(decimals: 3) == "0.042")
    #expect(Duration.seconds(4).inSeconds() == "4")
  }
}
