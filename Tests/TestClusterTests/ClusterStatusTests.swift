import Testing

@testable import TestCluster

@Suite struct ClusterStatusTests {
  private func status(
    holder: String?, runners: [String], problem: String? = nil
  ) -> ClusterStatus {
    ClusterStatus(
      store: .init(urls: [], state: .up, pid: 1, restarts: 0, isPaused: false),
      nodes: ["kube-master1", "kube-master2"].map { name in
        ClusterStatus.Node(
          name: name, state: .up, kubelet: "",
          processes: [.init(component: .kubelet, pid: 1, restarts: 0, isPaused: false)],
          running: runners.contains(name) ? [.scheduler] : [], answers: true)
      },
      leases: [
        .init(
          role: .scheduler, holder: holder, ttlSeconds: holder.map { _ in 3 }, problem: problem)
      ],
      pods: [], events: [])
  }

  @Test func `who holds the lease and alone runs the pod leads`() {
    let status = self.status(holder: "kube-master2", runners: ["kube-master2"])
    #expect(status.leader(of: .scheduler) == "kube-master2")
    #expect(
      status.leaderTable.description == """
        KEY         LEADER         RUNS ON        TTL
        scheduler   kube-master2   kube-master2   3s
        """)
    #expect(status.remarks.isEmpty)
  }

  @Test(
    arguments: [
      ("kube-master2", []), ("kube-master2", ["kube-master1"]), (nil, ["kube-master1"]),
      ("kube-master1", ["kube-master1", "kube-master2"]),
    ] as [(String?, [String])])
  func `anything else is no leader`(holder: String?, runners: [String]) {
    #expect(self.status(holder: holder, runners: runners).leader(of: .scheduler) == nil)
  }

  @Test func `what is wrong is said`() {
    var status = self.status(holder: nil, runners: [], problem: "no answer")
    status.store.isPaused = true
    status.nodes[0].state = .down
    status.nodes[1].processes[0].isPaused = true
    #expect(
      status.view() == """
        No pods run.

        KEY         LEADER      RUNS ON   TTL
        scheduler   <unknown>   <none>    -

        the store is paused
        kube-master1 is down
        kube-master2: fake-kubelet paused
        the store does not name the leaders: no answer
        """)
  }

  @Test func `a view without ages stays the same until something happens`() {
    var status = self.status(holder: "kube-master1", runners: ["kube-master1"])
    status.pods = [
      PodRow(name: "p", ready: "1/1", status: "Running", restarts: "1 (2s ago)", age: "3s")
    ]
    var later = status
    later.pods[0].age = "4s"
    later.pods[0].restarts = "1 (3s ago)"
    later.leases[0].ttlSeconds = 2
    #expect(status.view(withAges: false) == later.view(withAges: false))
    #expect(status.view() != later.view())
  }
}
