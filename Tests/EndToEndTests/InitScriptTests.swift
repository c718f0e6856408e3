import Subprocess
import TestCluster
import Testing

extension EndToEnd {
  /// `deploy/init.d/`, on a machine of the recipe's room.
  @Suite(
    .enabled(if: MachineRoom.obstacle == nil, "\(MachineRoom.obstacle ?? "")"),
    .timeLimit(.minutes(15)))
  struct InitScriptTests {
    @Test func aServiceIsStartedFoundAndEnded() async throws {
      try await MachineRoom.with { room in
        try await room.during(
          "./.build/debug/zweimaster up --recipe --masters 1 --workers 0 --no-start-kubelets"
        ) { text in
          try await eventually("for the room", within: .seconds(300)) {
            text().contains("the files are in")
          }
          func service(_ arguments: String) async throws -> (
            text: String, status: TerminationStatus
          ) {
            let answer = try await room.run("service \(arguments)", on: "kube-master1")
            return (answer.text, answer.status)
          }
          let running = /kubelet \(pid (\d+)\) is running\.\.\.\n/
          func pid() async throws -> Substring? {
            try await service("kubelet status").text.wholeMatch(of: running)?.1
          }

          #expect(try await service("kubelet status") == ("kubelet is stopped\n", .exited(3)))
          #expect(try await service("kubelet start") == ("Starting kubelet: \n", .exited(0)))
          let first = try #require(try await pid())
          #expect(try await service("kubelet start") == ("Starting kubelet: \n", .exited(0)))
          #expect(try await pid() == first)

          _ = try await room.run("kill -9 \(first)", on: "kube-master1")
          try await eventually("for the kubelet's death") {
            try await service("kubelet status") == (
              "kubelet dead but pid file exists\n", .exited(1)
            )
          }
          #expect(try await service("kubelet restart").text.hasSuffix("Starting kubelet: \n"))
          let second = try #require(try await pid())
          #expect(second != first)

          let stopped = try await service("kubelet stop")
          #expect(
            stopped.text.wholeMatch(of: #/Shutting down /usr/local/bin/kubelet: +\[  OK  \]\n/#)
              != nil)
          #expect(try await service("kubelet status") == ("kubelet is stopped\n", .exited(3)))
          #expect(try await service("kubelet stop").status == .exited(1))

          _ = try await room.run(
            #"echo "KUBELET_ARGS='--config=/x --nonsense'" > /etc/kubernetes/kubelet"#,
            on: "kube-master1")
          let refused = try await service("kubelet start")
          #expect(refused.status == .exited(1))
          #expect(
            refused.text.contains("/usr/local/bin/kubelet has ended: see /var/log/kubernetes.log"))
          #expect(
            try await room.run("tail -n 20 /var/log/kubernetes.log", on: "kube-master1").text
              .contains("--nonsense"))
          #expect(try await service("kubernetes-master reload").status == .exited(2))
          #expect(
            try await service("kubernetes-master status").text
              .wholeMatch(of: /kube-apiserver \(pid \d+\) is running\.\.\.\n/) != nil)
        }
      }
    }
  }
}
