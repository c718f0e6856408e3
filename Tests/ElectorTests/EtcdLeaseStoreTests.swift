import EtcdClient
import FaultRelay
import HTTPEndpoint
import TestSupport
import Testing

@testable import Elector

/// etcd as an election sees it.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct EtcdLeaseStoreTests {
  private func store(
    _ client: EtcdClient, _ api: EtcdAPI, name: String = "me", key: String = "scheduler"
  ) throws -> EtcdLeaseStore {
    let options = LeaseOptions(key: key, value: name, ttlSeconds: 120, timeout: .seconds(60))
    return EtcdLeaseStore(
      key: EtcdLeasedKey(client: client, api: api, options: options), name: key)
  }

  @Test(arguments: TestStore.available, [EtcdAPI.v2, .v3])
  func keepsALeaseAsTheElectionExpectsIt(
    _ program: TestStore, _ api: EtcdAPI
  ) async throws {
    try await program.with { endpoint in
      try await EtcdClient(
        endpoints: [endpoint], timeout: .seconds(60), connectTimeout: .seconds(60)
      ).run { client in
        let mine = try self.store(client, api)
        let other = try self.store(client, api, name: "other")
        guard case .absent(let before) = await mine.perform(.read),
          case .granted(let term, let first) = await mine.perform(.create)
        else { throw TestFailure("not created") }
        #expect(term == first && first > before)
        #expect(await other.perform(.create) == .exists)
        #expect(await other.perform(.renew(prevIndex: first + 1)) == .changed)
        guard case .granted(term, let second) = await mine.perform(.renew(prevIndex: first))
        else { throw TestFailure("not renewed") }
        let holder = Holder(name: "me", term: term, modifiedIndex: second)
        guard case .found(holder, index: second, let remaining) = await other.perform(.read) else {
          throw TestFailure("not found")
        }
        // Only v2 has the remaining TTL.
        #expect((remaining.duration != nil) == (api == .v2))
        if let remaining = remaining.duration {
          #expect(remaining > .zero && remaining <= .seconds(120))
        }
        #expect(try await other.nextChange(after: second - 1) == .written(holder))
        #expect(await mine.perform(.release(prevIndex: second + 1)) == .changed)
        async let change = other.nextChange(after: second)
        guard case .released(let end) = await mine.perform(.release(prevIndex: second)) else {
          throw TestFailure("not released")
        }
        #expect(try await change == .removed(index: end))
        #expect(await mine.perform(.renew(prevIndex: second)) == .absent(index: end))
        #expect(await mine.perform(.release(prevIndex: second)) == .absent(index: end))
      }
    }
  }

  @Test(arguments: TestStore.available, [EtcdAPI.v2, .v3])
  func keepsTheRecordThatWasReplacedLast(
    _ program: TestStore, _ api: EtcdAPI
  ) async throws {
    try await program.with { endpoint in
      try await EtcdClient(
        endpoints: [endpoint], timeout: .seconds(60), connectTimeout: .seconds(60)
      ).run { client in
        let mine = try self.store(client, api)
        let other = try self.store(client, api, name: "other")
        var record = TermRecord(
          term: 7, isEnded: false,
          candidate: Candidate(name: "me", bootID: "boot", destination: "/m/a.yaml"),
          podOutlivesLease: .milliseconds(21_258))
        #expect(await mine.perform(.readRecord) == .recordAbsent)
        #expect(await mine.perform(.writeRecord(record, prevIndex: 3)) == .changed)
        guard
          case .recordWritten(let first) = await mine.perform(
            .writeRecord(record, prevIndex: nil))
        else {
          throw TestFailure("not written")
        }
        #expect(await other.perform(.writeRecord(record, prevIndex: nil)) == .changed)
        #expect(
          await other.perform(.readRecord) == .recordFound(record, modifiedIndex: first))
        record.isEnded = true
        guard
          case .recordWritten(let second) = await other.perform(
            .writeRecord(record, prevIndex: first))
        else {
          throw TestFailure("not replaced")
        }
        #expect(await mine.perform(.writeRecord(record, prevIndex: first)) == .changed)
        #expect(
          await mine.perform(.readRecord) == .recordFound(record, modifiedIndex: second))
        // A listing does not show it.
        guard case .absent = await mine.perform(.read) else {
          throw TestFailure("there is a lock")
        }
      }
    }
  }

  @Test func aDirectoryIsNoLock() async throws {
    try await self.withKVStore { client in
      try await client.put("d", dir: true)
      let store = try self.store(client, .v2, key: "d")
      #expect(await store.perform(.read) == .failed(reason: "etcd error 102: Not a file (/d)"))
    }
  }

  /// Two answers that differ for an election, but not for a client.
  @Test func whatIsNotAnsweredMayHaveHappened() async throws {
    try await self.withKVStore { client in
      try await Relay.with(port: client.endpoints[0].port) { relay in
        try await EtcdClient(
          endpoints: [relay.endpoint], timeout: .seconds(5), connectTimeout: .seconds(5)
        ).run { far in
          let options = LeaseOptions(key: "k", value: "me", ttlSeconds: 30, timeout: .seconds(5))
          let store = EtcdLeaseStore(key: V2LeasedKey(client: far, options: options), name: "k")
          relay.isSilent = true
          guard case .unanswered = await store.perform(.create) else {
            throw TestFailure("it is not told as unclear")
          }
        }
      }
      let dead = EtcdEndpoint.refusing
      try await EtcdClient.with(endpoints: [dead], timeout: .seconds(60)) { far in
        let store = try self.store(far, .v2)
        guard case .failed = await store.perform(.create) else {
          throw TestFailure("it is not told as surely not done")
        }
      }
    }
  }

  /// A store from an older backup, and another store at the same address.
  @Test(arguments: [
    (StoreContinuity.Verdict.wentBack(from: 20, to: 9), Election.Answer.absent(index: 9)),
    (.replaced(from: 1, to: 2), .absent(index: 0)),
    (.continues, .granted(term: 4, modifiedIndex: 5)),
  ]) func aLeaseIsNotBelievedInAnotherStore(
    _ verdict: StoreContinuity.Verdict, _ expected: Election.Answer
  ) {
    let answer = LeaseAnswer(
      .granted(term: 4, modifiedIndex: 5), at: StorePosition(clusterID: 1, index: 9))
    #expect(Election.Answer(answer, to: .renew(prevIndex: 5), verdict) == expected)
    #expect(
      Election.Answer(answer, to: .create, verdict) == .granted(term: 4, modifiedIndex: 5))
  }

  private func withKVStore(_ body: (EtcdClient) async throws -> Void) async throws {
    try await TestStore.kvstore.with {
      try await EtcdClient.with(endpoints: [$0], timeout: .seconds(60), body)
    }
  }
}
