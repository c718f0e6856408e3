import TestSupport
import Testing

extension EndToEnd {
  /// `deploy/init.d/`, on a machine of the recipe's room.
  @Suite(.whereMachinesAre, .timeLimit(.minutes(15))) struct InitScriptTests {
    @Test func aServiceIsStartedFoundAndEnded() async throws {
      try await MachineRoom.withMachines("--masters 1 --workers 0 --no-start-kubelets") { room in
        func service(_ arguments: String) async throws -> MachineRoom.Answer {
          try await room.run("service \(arguments)", on: "kube-master1")
        }
        func answer(_ text: String, _ code: Int32) -> MachineRoom.Answer {
          .init(text: text, status: .exited(code))
        }
        let running = /kubelet \(pid (\d+)\) is running\.\.\.\n/
        func pid() async throws -> Substring? {
          try await service("kubelet status").text.wholeMatch(of: running)?.1
        }

        #expect(try await service("kubelet status") == answer("kubelet is stopped\n", 3))
        #expect(try await service("kubelet start") == answer("Starting kubelet: \n", 0))
        let first = try #require(try await pid())
        let again = try await service("kubelet start")
        #expect(again == answer("Starting kubelet: \n", 0))
        #expect(try await pid() == first)

        // The program's file is replaced while the old one runs.
        _ = try await room.run(
          "cd /usr/local/bin && cp -L kubelet k && rm kubelet && mv k kubelet && cp kubelet k",
          on: "kube-master1")
        #expect(try await service("kubelet restart").text.contains("[  OK  ]"))
        let copy = try #require(try await pid())
        _ = try await room.run(
          "cd /usr/local/bin && mv -f k kubelet", on: "kube-master1")
        #expect(try await pid() == copy, "it is another file of the same name by now")
        _ = try await room.run("kill -9 \(copy)", on: "kube-master1")
        try await eventually("for the kubelet's death") {
          try await service("kubelet status") == answer("kubelet dead but pid file exists\n", 1)
        }
        #expect(try await service("kubelet restart").text.hasSuffix("Starting kubelet: \n"))
        let second = try #require(try await pid())
        #expect(second != first)

        let stopped = try await service("kubelet stop")
        #expect(
          stopped.text.wholeMatch(of: #/Shutting down /usr/local/bin/kubelet: +\[  OK  \]\n/#)
            != nil)
        #expect(try await service("kubelet status") == answer("kubelet is stopped\n", 3))
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

        // The host's name, and what tells a machine from the box.
        #expect(
          try await room.run("cat etc/hostname", on: "kube-master1").text == "kube-master1\n")
        let wrong = try await room.zweimaster("kill kube-master1 fake-kubelet")
        #expect(wrong.status == .exited(1) && wrong.text.contains("zweimaster exec NODE"))
        #expect(
          try await room.zweimaster("up --recipe").text.contains("a cluster runs in"))
        #expect(
          try await room.zweimaster("stop kube-master1").text == "kube-master1 is down\n")
        let console = try #require(
          contents("\(room.directory)/.zweimaster/kube-master1/console.log"))
        #expect(console.contains("Shutting down /usr/local/bin/kube-apiserver:"))
        #expect(
          try await room.run("true", on: "kube-master1").text.contains("kube-master1: it is down")
        )
        #expect(
          try await room.zweimaster("start kube-master1").text == "kube-master1 is up\n")
        #expect(
          try await service("kubernetes-master status").text
            .wholeMatch(of: /kube-apiserver \(pid \d+\) is running\.\.\.\n/) != nil)
      }
    }
  }
}
