import AsyncHTTPClient
import KubernetesObjects
import NIOCore
import Synchronization
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  @Suite(.whereMachinesAre, .timeLimit(.minutes(15))) struct LoadBalancerTests {
    /// The load, in requests a second.
    private static let rate = 20

    /// A request of the load, with its outcome.
    private struct Outcome: Sendable {
      var sent: ContinuousClock.Instant
      var ended: ContinuousClock.Instant
      /// The name of the event that it created; `nil` for a read.
      var made: String?
      /// `nil` on success.
      var failure: String?
    }

    @Test func aMasterThatDiesCostsNextToNoRequestAndNothingThatWasAcknowledged() async throws {
      let port = try #require(try FreePort.some(1).first)
      try await MachineRoom.withMachines(
        "--load-balancer --load-balancer-port \(port)", hasOwnNetwork: false
      ) { room in
        let url = "http://127.0.0.1:\(port)"
        let begin = ContinuousClock.now
        let duration = Duration.seconds(60)
        async let load = Self.load(url, until: begin + duration)
        try await Task.sleep(for: .seconds(5))
        // The machine is silent from here on; the command takes a moment more.
        let killed = ContinuousClock.now
        #expect(
          try await room.zweimaster("kill kube-master1").text
            == "kube-master1 was killed\n")
        let isDead = ContinuousClock.now
        let outcomes = await load

        let failed = outcomes.filter { $0.failure != nil }
        #expect(outcomes.count > 20 * Self.rate)
        #expect(
          failed.count * 100 < outcomes.count,
          "\(failed.count) of \(outcomes.count): \(failed.first?.failure ?? "")")
        // A request under way when the power fails may be lost, but not one sent after the first check.
        for outcome in failed {
          #expect(
            outcome.ended > killed && outcome.sent < isDead + .seconds(1),
            "\(outcome.failure ?? "") for one that was sent \(outcome.sent - killed) after the kill"
          )
        }
        let names = Set(try await names(url, "default/events"))
        let lost = outcomes.filter { $0.failure == nil }.compactMap(\.made)
          .filter { !names.contains($0) }
        #expect(lost.isEmpty, "acknowledged, and not there: \(lost)")
      }
    }

    /// Sends ``rate`` requests a second, whether earlier ones are answered or not; every fourth creates an event.
    private static func load(_ url: String, until end: ContinuousClock.Instant) async -> [Outcome] {
      await withTaskGroup(of: Outcome.self) { group in
        var number = 0
        while ContinuousClock.now < end {
          number += 1
          let made = number % 4 == 0 ? "event\(number)" : nil
          group.addTask {
            let sent = ContinuousClock.now
            let failure = await Self.request(url, making: made)
            return Outcome(sent: sent, ended: .now, made: made, failure: failure)
          }
          guard (try? await Task.sleep(for: .seconds(1) / Self.rate)) != nil else { break }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }

    /// - Returns: why it failed; `nil` on success.
    private static func request(_ url: String, making name: String?) async -> String? {
      var request = HTTPClientRequest(url: "\(url)/api/v1/namespaces/kube-system/pods")
      if let name {
        request.url = "\(url)/api/v1/namespaces/default/events"
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(
          ByteBuffer(
            string: """
              {"apiVersion":"v1","kind":"Event","metadata":{"name":"\(name)"},"reason":"Test","message":"m",\
              "involvedObject":{"kind":"Pod","namespace":"default","name":"p"}}
              """))
      }
      do {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 16 << 20)
        return (200...299).contains(response.status.code)
          ? nil : "HTTP \(response.status.code) \(String(buffer: body).prefix(200))"
      } catch {
        return "\(error)"
      }
    }
  }
}

extension EndToEnd {
  @Suite(.timeLimit(.minutes(15))) struct APIServersOnPortsTests {
    /// Without namespaces: servers on ports of this machine, and pretended pods. The servers' objects are in v2, and
    /// the leases in the API of the store.
    @Test(
      .enabled(
        if: (try? Executables.haproxy()) != nil, "there is no haproxy ('make deps' installs it)"),
      arguments: EndToEnd.stores)
    func aPlainClusterShowsItsPodsAndGoesOnWithOneAPIServer(
      store: EndToEnd.TestedStore
    ) async throws {
      let port = try #require(try FreePort.some(1).first)
      try await TemporaryDirectory.with { directory in
        var configuration = ClusterConfiguration(
          masters: 2, store: store.store, api: store.api, podStopTime: .milliseconds(500),
          stateDirectory: directory)
        configuration.hasAPIServers = true
        configuration.loadBalancerPort = port
        try await Cluster.withRunning(configuration) { cluster in
          let pods = "http://127.0.0.1:\(port)"
          let leader = try await cluster.waitForLeader(of: .scheduler)
          try await eventually("for the recipe's rows at both servers and before them") {
            let own = cluster.configuration.nodes.compactMap(cluster.apiServerURL)
            for url in own + [pods] {
              let names = try await names(url)
              guard names.count == 4, names.contains("kube-scheduler-\(leader)") else {
                return false
              }
            }
            return own.count == 2
          }
          #expect(try await cluster.lease(.scheduler).holder.name == leader)
          try await cluster.kill(leader)
          let next = try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
          try await eventually("for the new one's row") {
            try await names(pods).contains("kube-scheduler-\(next)")
          }
          try await cluster.start(leader)
          try await eventually("for the old one's row to go") {
            try await !names(pods).contains("kube-scheduler-\(leader)")
          }
        }
      }
    }
  }
}

/// The names in a list.
private func names(_ url: String, _ path: String = "kube-system/pods") async throws -> [String] {
  try await APIUser(url).list("/api/v1/namespaces/\(path)").map(\.metadata.name)
}
