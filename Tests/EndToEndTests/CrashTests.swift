import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  @Suite struct CrashTests {
    @Test(arguments: EndToEnd.stores)
    func `when the leader's whole master crashes, another takes over what it led`(
      _ store: EndToEnd.TestedStore
    ) async throws {
      try await withCluster(on: store) { cluster, monitor in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        try await cluster.waitForLeader(of: .controllerManager)
        let killed = ContinuousClock.now
        try await cluster.kill(leader)
        for role in Role.allCases { try await cluster.waitForLeader(of: role, otherThan: leader) }
        let status = await cluster.status()
        #expect(status.nodes.filter { $0.state == .down }.map(\.name) == [leader])
        #expect(!status.pods.contains { $0.name.hasSuffix(leader) })
        let other = try #require(status.leader(of: .scheduler))
        let stay = try await monitor.arrival(
          of: .pod(.scheduler), on: [other], after: killed, within: .seconds(60))
        let limit = try cluster.configuration.timing().worstTakeover + .seconds(1)
        #expect(stay.from - killed < limit, "TTL, lock-delay and a second")
      }
    }

    @Test func `a master that comes back starts nothing of what it led before`() async throws {
      try await withCluster { cluster, monitor in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        try await cluster.kill(leader)
        let manifest = cluster.directory.destination(.scheduler, leader)
        #expect(contents(manifest) != nil, "a crash leaves the manifest behind")
        try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
        let back = ContinuousClock.now
        try await cluster.start(leader)
        #expect(contents(manifest) == nil)
        try await cluster.waitUntil("for its pods") { status in
          status.pods.contains { $0.name == "podmaster-\(leader)" && $0.status == "Running" }
        }
        #expect(monitor.log.arrival(of: .pod(.scheduler), on: leader, after: back) == nil)
      }
    }

    @Test func `kill -9 of the leading elector alone ends with one leader again`() async throws {
      try await withCluster { cluster, _ in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        let term = try await cluster.lease(.scheduler).holder.term
        try await cluster.kill(leader, .schedulerElector)
        let status = try await cluster.waitForTerm(after: term)
        let elector = status.nodes.first { $0.name == leader }?.processes
          .first { $0.component == .schedulerElector }
        #expect(elector?.restarts == 1)
        #expect(elector?.pid != nil)
      }
    }

    /// Its elector, which goes on, removes the manifest and hands over.
    @Test func `a guard that stands still costs the lead, and never are there two`() async throws {
      try await withCluster { cluster, monitor in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        try await monitor.sees(.scheduler, on: leader)
        try await cluster.pause(leader, .schedulerElector)
        let other = try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
        #expect(contents(cluster.directory.destination(.scheduler, leader)) == nil)
        try await cluster.resume(leader, .schedulerElector)
        let log = cluster.directory.log(.component(node: leader, .schedulerElector))
        try await eventually("for \(leader) to follow") {
          contents(log)?.contains("the master is \(other), sleeping.") == true
        }
        // A look at a node counts for each manifest and each pod.
        let looks = monitor.log.looks
        try await eventually("for later looks") { monitor.log.looks > looks + 40 }
        #expect(monitor.overlaps == [])
      }
    }

    @Test func `an elector goes on with its guard after a pause of the whole node`() async throws {
      // One of three leads nothing, and can stand still without a consequence.
      try await withCluster(masters: 3) { cluster, _ in
        let leaders = [
          try await cluster.waitForLeader(of: .scheduler),
          try await cluster.waitForLeader(of: .controllerManager),
        ]
        let node = try #require(
          cluster.configuration.nodes.first { !leaders.contains($0) })
        func state(_ part: LiveRow.Part) async -> ProcessState? {
          await cluster.processStates()[.process(node: node, part)]
        }
        try await cluster.pause(node)
        try await eventually("for the elector to stand still") {
          await state(.elector(.scheduler))?.kind == .stopped
        }
        try await cluster.resume(node, .schedulerElector)
        try await eventually("for guard and elector to go on") {
          let guardian = await state(.guardian(.scheduler))
          let elector = await state(.elector(.scheduler))
          return guardian?.kind == .alive && elector?.kind == .alive
        }
        #expect(await state(.elector(.controllerManager))?.kind == .stopped)
        try await cluster.resume(node)
      }
    }

    @Test func `a kubelet that dies is started again and runs what lies in its directory`()
      async throws
    {
      try await withCluster { cluster, _ in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        try await cluster.kill(leader, .kubelet)
        try await cluster.waitUntil("for the kubelet's second life") { status in
          status.nodes.contains { node in
            node.name == leader && node.answers && node.processes.contains { $0.restarts == 1 }
          } && status.leader(of: .scheduler) != nil
        }
      }
    }

    @Test func `what is down cannot be killed, and what is up cannot be started`() async throws {
      try await withCluster { cluster, _ in
        await #expect(
          throws: ClusterError.wrongState(name: "kube-master1", state: .up, verb: "start")
        ) { try await cluster.start("kube-master1") }
        try await cluster.kill("kube-master1")
        await #expect(
          throws: ClusterError.wrongState(name: "kube-master1", state: .down, verb: "kill")
        ) { try await cluster.kill("kube-master1") }
        await #expect(
          throws: ClusterError.unknownNode("x", known: ["kube-master1", "kube-master2"])
        ) { try await cluster.stop("x") }
      }
    }
  }
}
