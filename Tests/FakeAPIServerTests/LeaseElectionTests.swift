import APIServerClient
import Foundation
import Testing

@testable import FakeAPIServer

/// A leader election as client-go does it, with a Lease object: it is written from the version that was read,
/// and a conflict means that somebody else was quicker.
@Suite(.timeLimit(.minutes(10))) struct LeaseElectionTests {
  private static let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

  /// Takes the lease or renews it, if nobody is quicker.
  /// - Returns: from which version, and to which.
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
    func version(_ object: JSONValue) -> String {
      object["metadata"]?["resourceVersion"]?.string ?? ""
    }
    return (version(read.body), version(written.body))
  }

  @Test func ofAllThatReadAVersionOneWrites() async throws {
    try await withServers(2) { servers, _ in
      let made = try await servers[0].call(
        "POST", Self.path, #"{"metadata":{"name":"lock"},"spec":{}}"#)
      #expect(made.code == 201)
      let first = made.body["metadata"]?["resourceVersion"]?.string ?? ""
      let writes = Guarded<[(from: String, to: String)]>([])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for candidate in 0..<6 {
          group.addTask {
            for _ in 0..<20 {
              if let write = try await Self.write("c\(candidate)", servers[candidate % 2]) {
                writes.change { $0.append(write) }
              }
            }
          }
        }
        try await group.waitForAll()
      }
      // The writes are one chain: each was made from what the one before had left.
      let next = Dictionary(grouping: writes.change { $0 }, by: \.from)
      #expect(next.values.allSatisfy { $0.count == 1 })
      var (version, length) = (first, 0)
      while let write = next[version]?.first { (version, length) = (write.to, length + 1) }
      #expect(length == next.count && length > 6)
      let lease = try await servers[1].call("GET", "\(Self.path)/lock").body
      #expect(lease["metadata"]?["resourceVersion"]?.string == version)
    }
  }
}
