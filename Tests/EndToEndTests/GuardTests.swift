import FoundationEssentials
import Glibc
import Subprocess
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  /// The guard and its child, each of which may die or be stopped alone.
  @Suite struct GuardTests {
    /// The lease is so long that only the guard can remove the manifest so soon.
    @Test func `kill -9 of the elector: its guard removes the manifest and starts it again`()
      async throws
    {
      try await withCluster(masters: 1, ttlSeconds: 12) { cluster, _ in
        let pair = try await Pair.leading(cluster)
        let term = try await cluster.lease(.scheduler).holder.term
        let killed = ContinuousClock.now
        kill(pair.elector.pid, SIGKILL)
        try await eventually("for the manifest to go") { contents(pair.manifest) == nil }
        #expect(ContinuousClock.now - killed < .seconds(4), "long before the lease's end")
        try await eventually("for the next elector") {
          pair.guardian.child.map { $0 != pair.elector } ?? false
        }
        try await cluster.waitForTerm(after: term)
        #expect(pair.guardian.isAlive)
        let log = contents(pair.log)
        #expect(log?.contains("it was ended by signal 9") == true)
        #expect(log?.contains("the guard removed the manifest") == true)
      }
    }

    @Test func `an elector that is stopped: its guard removes the manifest at the deadline`()
      async throws
    {
      try await withCluster { cluster, monitor in
        let pair = try await Pair.leading(cluster)
        try await monitor.sees(.scheduler, on: pair.node)
        kill(pair.elector.pid, SIGSTOP)
        let other = try await cluster.waitForLeader(of: .scheduler, otherThan: pair.node)
        try await eventually("the monitor has seen it, too") {
          monitor.log.latest(of: .manifest(.scheduler), on: pair.node)?.goneBy != nil
            && monitor.log.latest(of: .manifest(.scheduler), on: other) != nil
        }
        let old = try #require(monitor.log.latest(of: .manifest(.scheduler), on: pair.node)?.goneBy)
        let new = try #require(monitor.log.latest(of: .manifest(.scheduler), on: other))
        #expect(old < new.from)
        #expect(contents(pair.manifest) == nil)

        let awake = ContinuousClock.now
        kill(pair.elector.pid, SIGCONT)
        try await pair.follows(other)
        #expect(
          monitor.log.arrival(of: .manifest(.scheduler), on: pair.node, after: awake) == nil)
        #expect(pair.elector.isAlive && pair.guardian.isAlive)
      }
    }

    @Test func `an elector that was stopped for long leads again in a new term`() async throws {
      try await withCluster(masters: 1) { cluster, _ in
        let pair = try await Pair.leading(cluster)
        let term = try await cluster.lease(.scheduler).holder.term
        kill(pair.elector.pid, SIGSTOP)
        try await cluster.waitUntil("for the lease's end") {
          $0.lease(.scheduler)?.holder == nil
        }
        #expect(contents(pair.manifest) == nil)
        kill(pair.elector.pid, SIGCONT)
        try await cluster.waitForLeader(of: .scheduler)
        #expect(try await cluster.lease(.scheduler).holder.term > term)
        #expect(pair.elector.isAlive)
      }
    }

    /// The lease is so long that the test would notice a wait for its end.
    @Test func `kill -9 of the guard: its elector removes the manifest and releases the lease`()
      async throws
    {
      try await withCluster(ttlSeconds: 30) { cluster, monitor in
        let pair = try await Pair.leading(cluster)
        let term = try await cluster.lease(.scheduler).holder.term
        try await monitor.sees(.scheduler, on: pair.node)
        let killed = ContinuousClock.now
        kill(pair.guardian.pid, SIGKILL)
        // Any node may lead: the cluster restarts the guard at once.
        try await cluster.waitForTerm(after: term)
        #expect(ContinuousClock.now - killed < .seconds(15), "long before the lease's end")
        try await eventually("for the monitor to see it go") {
          monitor.log.stays.contains {
            $0.subject == .manifest(.scheduler) && $0.node == pair.node
              && $0.goneBy.map { $0 > killed } == true
          }
        }
        try await eventually("for the elector's end") { !pair.elector.isAlive }
        #expect(contents(pair.log)?.contains("the guard has ended: left the election") == true)
      }
    }

    /// It requests nothing from its guard, so only the end of the connection shows it the guard's end.
    @Test func `kill -9 of the guard: an elector that follows ends as well`() async throws {
      try await withCluster { cluster, _ in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        let node = try #require(
          await cluster.status().nodes.map(\.name).first { $0 != leader })
        let pair = try await Pair.on(node, cluster)
        try await pair.follows(leader)
        kill(pair.guardian.pid, SIGKILL)
        try await eventually("for the elector's end") { !pair.elector.isAlive }
        #expect(contents(pair.log)?.contains("the guard has ended: left the election") == true)
        #expect(try await cluster.waitForLeader(of: .scheduler) == leader)
      }
    }

    @Test func `a guard that is stopped: its elector removes the manifest and releases the lease`()
      async throws
    {
      try await withCluster(ttlSeconds: 12) { cluster, monitor in
        let pair = try await Pair.leading(cluster)
        kill(pair.guardian.pid, SIGSTOP)
        let other = try await cluster.waitForLeader(of: .scheduler, otherThan: pair.node)
        try await eventually("for the elector's end") { !pair.elector.isAlive }
        #expect(contents(pair.log)?.contains("the guard has not answered for") == true)
        let awake = ContinuousClock.now
        kill(pair.guardian.pid, SIGCONT)
        try await pair.follows(other)
        #expect(
          monitor.log.arrival(of: .manifest(.scheduler), on: pair.node, after: awake) == nil)
      }
    }

    @Test func `a signal to the guard alone reaches the elector, and both end`() async throws {
      try await withCluster(masters: 1, ttlSeconds: 30) { cluster, _ in
        for (round, signal) in [SIGTERM, SIGINT].enumerated() {
          let pair = try await Pair.leading(cluster)
          kill(pair.guardian.pid, signal)
          try await eventually("for the end of both") {
            !pair.guardian.isAlive && !pair.elector.isAlive
          }
          // The cluster restarts it at once, and the lease is free.
          #expect(contents(pair.log)?.ranges(of: "released the lock").count == round + 1)
        }
        #expect(await cluster.status().events.count { $0.contains("exit code 0;") } == 2)
      }
    }

    /// From a terminal that closes both get it.
    @Test func `a SIGHUP ends nothing`() async throws {
      try await withCluster(masters: 1, ttlSeconds: 30) { cluster, _ in
        let pair = try await Pair.leading(cluster)
        kill(-pair.guardian.pid, SIGHUP)
        try await eventually("for the guard's word") {
          contents(pair.log)?.contains("nothing to reload") == true
        }
        try await Task.sleep(for: .seconds(1))
        #expect(pair.guardian.isAlive && pair.elector.isAlive)
        #expect(contents(pair.manifest) != nil)
      }
    }

    /// From a terminal or systemd both get the signal, and the guard forwards it as well.
    @Test func `a second signal does not cut a stop short`() async throws {
      try await withCluster(masters: 1, ttlSeconds: 30, stopTime: .seconds(3)) { cluster, monitor in
        let pair = try await Pair.leading(cluster)
        try await monitor.sees(.scheduler, on: pair.node)
        kill(-pair.guardian.pid, SIGINT)
        try await eventually("for the manifest to go") { contents(pair.manifest) == nil }
        #expect(pair.guardian.isAlive && pair.elector.isAlive, "the pod has three seconds")
        kill(-pair.guardian.pid, SIGTERM)
        try await eventually("for the end of both") {
          !pair.guardian.isAlive && !pair.elector.isAlive
        }
        #expect(contents(pair.log)?.ranges(of: "released the lock").count == 1)
        #expect(await cluster.status().events.count { $0.contains("exit code 0;") } == 1)
        // The first of each: the cluster restarts the pair.
        let pod = try #require(monitor.log.stays.first { $0.subject == .pod(.scheduler) })
        let manifest = try #require(monitor.log.stays.first { $0.subject == .manifest(.scheduler) })
        #expect(pod.to > manifest.to + .seconds(1), "it was waited for")
      }
    }

    /// The elector fails before it asks etcd.
    @Test func `a left-over manifest is removed even if the certificates cannot be read`()
      async throws
    {
      try await TemporaryFiles.with { files in
        try files.write("kind: Pod\n", to: "a.yaml")
        let (status, _, errors) = try await BuiltProgram("elector").run([
          "--etcd-servers=https://127.0.0.1:1", "--etcd-cafile=\(files.path("none.pem"))",
          "--key=a", "--source-file=\(files.path("none.yaml"))",
          "--dest-file=\(files.path("a.yaml"))",
        ])
        // For good: its guard does not restart it.
        #expect(status == .exited(78))
        #expect(errors.contains("cannot read \(files.path("none.pem"))"))
        #expect(contents(files.path("a.yaml")) == nil)
      }
    }

    @Test func `of two electors with one destination the second one ends, and touches nothing`()
      async throws
    {
      try await withCluster(masters: 1) { cluster, _ in
        let pair = try await Pair.leading(cluster)
        try await TemporaryFiles.with { files in
          try files.write("kind: Pod\n", to: "a.yaml")
          let link = files.path("link")
          try FileManager.default.createSymbolicLink(
            atPath: link,
            withDestinationPath: URL(filePath: pair.manifest).deletingLastPathComponent().path)
          let name = URL(filePath: pair.manifest).lastPathComponent
          for place in [pair.manifest, "\(link)/\(name)"] {
            let (status, _, errors) = try await BuiltProgram("elector").run([
              "--etcd-servers=http://127.0.0.1:1", "--key=b",
              "--source-file=\(files.path("a.yaml"))", "--dest-file=\(place)",
            ])
            #expect(status == .exited(75))
            #expect(
              errors.contains("another elector has this --dest-file: one of the two has to end"))
            #expect(errors.contains("process \(pair.guardian.pid)"))
          }
          let cleaned = try await Self.clean(pair.manifest)
          #expect(cleaned.status == .exited(1))
          #expect(cleaned.errors.contains("belongs to a running elector"))
        }
        #expect(contents(pair.manifest) != nil)
        #expect(pair.elector.isAlive)
      }
    }

    /// Its first act would be to remove it.
    @Test func `a source that is the destination is refused before it is touched`() async throws {
      try await TemporaryFiles.with { files in
        try files.write("kind: Pod\n", to: "a.yaml")
        try FileManager.default.createSymbolicLink(
          atPath: files.path("link.yaml"), withDestinationPath: files.path("a.yaml"))
        for source in ["a.yaml", "link.yaml"] {
          let (status, _, errors) = try await BuiltProgram("elector").run([
            "--etcd-servers=http://127.0.0.1:1", "--key=a",
            "--source-file=\(files.path(source))", "--dest-file=\(files.path("a.yaml"))",
          ])
          #expect(status == .exited(64))
          #expect(errors.contains("are the same file, which the elector would remove: use two"))
        }
        try files.write(
          """
          elections:
          - key: a
            source-file: \(files.path("link.yaml"))
            dest-file: \(files.path("a.yaml"))
          """, to: "e.yaml")
        let cleaned = try await BuiltProgram("elector").run([
          "clean", "--config=\(files.path("e.yaml"))",
        ])
        #expect(cleaned.status == .exited(1))
        #expect(cleaned.errors.contains("are the same file"))
        #expect(contents(files.path("a.yaml")) != nil)
      }
    }

    @Test func `left-over manifests are removed before the kubelet starts`() async throws {
      try await TemporaryFiles.with { files in
        let blocked = files.path("in-the-way")
        try FileManager.default.createDirectory(
          atPath: blocked, withIntermediateDirectories: true)
        let names = ["a.yaml", ".a.yaml.elector", "b.yaml", "other.yaml"]
        for name in names { try files.write("kind: Pod\n", to: name) }
        let (a, b, other) = (files.path("a.yaml"), files.path("b.yaml"), files.path("other.yaml"))

        let cleaned = try await Self.clean(a, b)
        #expect(cleaned.status == .exited(0))
        #expect(cleaned.output == "elector: \(a) was removed\nelector: \(b) was removed\n")
        #expect(names.map { contents(files.path($0)) != nil } == [false, false, false, true])
        let again = try await Self.clean(a)
        #expect(again.status == .exited(0))
        #expect(again.output == "elector: \(a) is not there\n")

        let failed = try await Self.clean(blocked, other)
        #expect(failed.status == .exited(1))
        #expect(failed.errors == "Error: cannot remove \(blocked): Is a directory\n")
        #expect(contents(other) == nil, "the others are removed all the same")
        #expect(try await Self.clean().status == .exited(64))
      }
    }

    private static func clean(
      _ files: String...
    ) async throws -> (status: TerminationStatus, output: String, errors: String) {
      try await BuiltProgram("elector").run(["clean"] + files.map { "--dest-file=\($0)" })
    }
  }
}

/// The two processes of one of the scheduler's electors.
private struct Pair: Sendable {
  let node: String
  let guardian: ProcessIdentity
  let elector: ProcessIdentity
  let manifest: String
  let log: String

  static func leading(_ cluster: Cluster) async throws -> Pair {
    try await Self.on(try await cluster.waitForLeader(of: .scheduler), cluster)
  }

  static func on(_ node: String, _ cluster: Cluster) async throws -> Pair {
    let pid = try #require(
      await cluster.status().nodes.first { $0.name == node }?.processes
        .first { $0.component == .schedulerElector }?.pid)
    let guardian = try #require(ProcessIdentity(pid: pid))
    return Pair(
      node: node, guardian: guardian, elector: try #require(guardian.child),
      manifest: cluster.directory.destination(.scheduler, node),
      log: cluster.directory.log(.component(node: node, .schedulerElector)))
  }

  /// Waits until its elector follows a leader.
  func follows(_ leader: String) async throws {
    try await eventually("for \(self.node) to follow \(leader)") {
      contents(self.log)?.contains("key already exists, the master is \(leader), sleeping.") == true
    }
  }
}
