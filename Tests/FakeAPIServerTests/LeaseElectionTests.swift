import KubernetesClient
import KubernetesObjects
import TestSupport
import Testing

@testable import FakeAPIServer

/// A leader election as in client-go, with a Lease object: each write names the version that was read,
/// and a conflict means that another candidate was faster.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct LeaseElectionTests {
  private static let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

  /// Acquires or renews the lease, unless another candidate is faster.
  /// - Returns: the versions before and after.
  private static func write(
    _ name: String, _ server: Caller
  ) async throws -> (from: String, to: String)? {
    let read = try await server.call("GET", "\(Self.path)/lock")
    guard read.code == 200, var lease = read.body["spec"] else { return nil }
    let transitions = lease["leaseTransitions"]?.integer ?? 0
    if lease["holderIdentity"]?.string != name {
      lease["leaseTransitions"] = .integer(transitions + 1)
    }
    lease["holderIdentity"] = .string(name)
    lease["renewTime"] = .string("2026-01-01T00:00:00.\(Int.random(in: 100_000...999_999))Z")
    var object = read.body
    object["spec"] = lease
    let written = try await server.call("PUT", "\(Self.path)/lock", "\(object)")
    guard written.code == 200 else {
      #expect(written.code == 409)
      return nil
    }
    return (read.body.metadata.resourceVersion, written.body.metadata.resourceVersion)
  }

  @Test func ofAllThatReadAVersionOneWrites() async throws {
    try await withServers(2) { servers, _ in
      let made = try await servers[0].call(
        "POST", Self.path, #"{"metadata":{"name":"lock"},"spec":{}}"#)
      #expect(made.code == 201)
      let first = made.body["metadata"]?["resourceVersion"]?.string ?? ""
      let writes = LockedValue<[(from: String, to: String)]>([])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for candidate in 0..<6 {
          group.addTask {
            for _ in 0..<20 {
              if let write = try await Self.write("c\(candidate)", servers[candidate % 2]) {
                writes.withLock { $0.append(write) }
              }
            }
          }
        }
        try await group.waitForAll()
      }
      // The writes are one chain: each starts from the version of the one before.
      let next = Dictionary(grouping: writes.withLock { $0 }, by: \.from)
      #expect(next.values.allSatisfy { $0.count == 1 })
      var (version, length) = (first, 0)
      while let write = next[version]?.first { (version, length) = (write.to, length + 1) }
      #expect(length == next.count && length > 6)
      let lease = try await servers[1].call("GET", "\(Self.path)/lock").body
      #expect(lease["metadata"]?["resourceVersion"]?.string == version)
    }
  }

  /// A leadership: from the answer to the write until the leader must stop.
  private struct Reign: Sendable {
    var name: String
    var from: ContinuousClock.Instant
    var to: ContinuousClock.Instant
  }

  private static let leaseDuration = Duration.seconds(2)
  private static let renewDeadline = Duration.milliseconds(1_500)

  /// A candidate as in client-go: it measures by its own clock how long the record has not changed, and
  /// acquires the lease after the lease's duration without a change.
  private static func contend(
    _ name: String, _ servers: [Caller], _ reigns: LockedValue<[Reign]>,
    until isOver: LockedValue<Bool>
  ) async throws {
    var place = 0
    var seen: (version: String, at: ContinuousClock.Instant)?
    var reign: Reign?
    while !isOver.value {
      try await Task.sleep(for: .milliseconds(100))
      let server = servers[place % servers.count]
      guard let read = try? await server.call("GET", "\(Self.path)/lock"), read.code == 200 else {
        place += 1
        continue
      }
      let version = read.body["metadata"]?["resourceVersion"]?.string ?? ""
      if seen?.version != version { seen = (version, .now) }
      let holder = read.body["spec"]?["holderIdentity"]?.string ?? ""
      let isFree = holder.isEmpty || seen.map { .now - $0.at > Self.leaseDuration } ?? false
      guard holder == name || isFree else { continue }
      var object = read.body
      object["spec"] = [
        "holderIdentity": .string(name),
        "renewTime": .string("2026-01-01T00:00:00.\(Int.random(in: 100_000...999_999))Z"),
      ]
      let sent = ContinuousClock.now
      guard let written = try? await server.call("PUT", "\(Self.path)/lock", "\(object)") else {
        place += 1
        continue
      }
      guard written.code == 200 else { continue }
      if var going = reign, sent < going.to {
        going.to = sent + Self.renewDeadline
        reign = going
      } else {
        reign = Reign(name: name, from: .now, to: sent + Self.renewDeadline)
      }
      if let reign { reigns.withLock { $0.append(reign) } }
    }
  }

  @Test func oneLeadsWhileAServerIsKilled() async throws {
    try await withServers { servers, client in
      _ = try await servers[0].call(
        "POST", Self.path, #"{"metadata":{"name":"lock"},"spec":{}}"#)
      let reigns = LockedValue<[Reign]>([])
      let isOver = LockedValue(false)
      let arguments = ["--etcd-servers=\(client.endpoints[0].url)", "--insecure-port=-1"]
      let status = try await Programs.run("fake-apiserver", arguments) { url, kill in
        let both = [url, servers[0].url].map { Caller(url: $0, timeout: .seconds(1)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
          for candidate in 0..<5 {
            group.addTask { try await Self.contend("c\(candidate)", both, reigns, until: isOver) }
          }
          try await eventually("somebody leads") { reigns.value.count >= 5 }
          kill()
          let before = reigns.value.count
          try await eventually("somebody leads by the other server") {
            reigns.value.count >= before + 10
          }
          isOver.withLock { $0 = true }
          try await group.waitForAll()
        }
      }
      #expect(status == .signaled(9))
      let all = reigns.value
      for (index, one) in all.enumerated() {
        for other in all[..<index] where other.name != one.name {
          #expect(one.from > other.to || other.from > one.to, "\(one) \(other)")
        }
      }
    }
  }
}
