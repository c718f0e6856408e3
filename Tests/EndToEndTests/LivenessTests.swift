import Foundation
import TestSupport
import Testing

extension EndToEnd {
  @Suite(.whereMachinesAre, .timeLimit(.minutes(10))) struct LivenessTests {
    /// Writes a scheduler that never serves `/healthz`.
    private static let ill =
      "printf '#!/bin/sh\\nexec sleep 3600\\n' >/tmp/ill && chmod 755 /tmp/ill"
    private static let program = "/usr/local/bin/kube-scheduler"

    /// By the recipe's manifest the kubelet probes after 15 s, then every 10 s, and restarts the container at the third
    /// failure. The container is a real process on a machine, and the restarted one is well.
    @Test func aSchedulerThatIsIllIsEndedByItsLivenessProbeAndStartedAgain() async throws {
      try await MachineRoom.withMachines("--workers 0 --no-start-kubelets") { room in
        let machines = ["kube-master1", "kube-master2"]
        for machine in machines {
          let line =
            "\(Self.ill) && mv \(Self.program) \(Self.program).well && mv /tmp/ill \(Self.program) "
            + "&& service kubelet start"
          let answer = try await room.run(line, on: machine)
          #expect(answer.status == .exited(0), "\(answer.text)")
        }
        let namespace =
          #"curl -s -XPOST -d'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system"}}' "#
          + "http://127.0.0.1:8080/api/v1/namespaces"
        _ = try await room.run(namespace, on: machines[0])
        let scheduler = Scheduler(room: room)
        try await eventually("for a scheduler", within: .seconds(120)) {
          try await scheduler.leader() != nil
        }
        let leader = try #require(try await scheduler.leader())
        // The next start runs the real program.
        _ = try await room.run("mv \(Self.program).well \(Self.program)", on: leader)
        try await eventually("for a restart", within: .seconds(120)) {
          try await scheduler.field("restartCount", on: leader) == "1"
        }
        let begin = try #require(try await scheduler.time("startedAt", on: leader))
        let end = try #require(try await scheduler.time("finishedAt", on: leader))
        #expect((34...70).contains(end.timeIntervalSince(begin)), "\(begin) to \(end)")
        try await eventually("for the scheduler that is well", within: .seconds(60)) {
          try await room.run("curl -s http://127.0.0.1:10251/healthz", on: leader).text == "ok"
        }
        #expect(try await scheduler.leader() == leader)
      }
    }
  }
}

/// The recipe's scheduler, as kubectl shows its pod.
private struct Scheduler {
  let room: MachineRoom

  /// The node that runs it.
  func leader() async throws -> String? {
    let row = try await self.room.zweimaster("leaders").text.split(separator: "\n")
      .map { $0.split(separator: " ") }.first { $0.first == "scheduler" }
    guard let row, row.count > 2, row[1] == row[2] else { return nil }
    return String(row[1])
  }

  /// A field of its container's status.
  func field(_ name: String, on node: String) async throws -> String {
    try await self.room.run(
      "kubectl get pod kube-scheduler-\(node) --namespace=kube-system "
        + "-o jsonpath={.status.containerStatuses[0].\(name)}", on: node
    ).text
  }

  /// A time of its container's previous run.
  func time(_ name: String, on node: String) async throws -> Date? {
    try? Date(try await self.field("lastState.terminated.\(name)", on: node), strategy: .iso8601)
  }
}
