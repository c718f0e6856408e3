import EtcdClient
import FaultRelay
import HTTPEndpoint
import KVStore
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import Elector

/// The events in their order.
private final class Diary: Sendable {
  private let state = Mutex<[String]>([])
  var lines: [String] { self.state.withLock { $0 } }
  func note(_ line: String) { self.state.withLock { $0.append(line) } }
  func has(_ line: String) -> Bool { self.lines.contains(line) }
}

private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct LeadershipTests {
  private static let key = "service"

  private func withKVStore(
    _ body: (EtcdEndpoint, EtcdClient) async throws -> Void
  ) async throws {
    let server = try await KVStoreServer.start(.memory)
    let endpoint = try EtcdEndpoint(server.urls[0])
    try await EtcdClient.with(endpoints: [endpoint]) { try await body(endpoint, $0) }
    await server.stop()
  }

  private func leadership(
    _ name: String, _ endpoint: EtcdEndpoint, ttl: Int64 = 60
  ) throws -> Leadership {
    try Leadership(
      name: name, key: Self.key, ttlSeconds: ttl, endpoints: [endpoint], logger: silent)
  }

  /// Runs it beside `body`, which gets a graceful stop; then cancels it.
  private func with(
    _ leadership: Leadership, _ body: @escaping (ServiceGroup) async throws -> Void
  ) async throws {
    let service = ServiceGroup(
      configuration: .init(
        services: [
          .init(service: leadership, successTerminationBehavior: .gracefullyShutdownGroup)
        ], logger: silent))
    let running = Task { try await service.run() }
    let result: Result<Void, any Error>
    do { result = .success(try await body(service)) } catch { result = .failure(error) }
    running.cancel()
    _ = await running.result
    try result.get()
  }

  private func holder(_ client: EtcdClient) async throws -> (name: String?, index: UInt64) {
    let node = try await client.get(Self.key, quorum: true).node
    return (node.value, node.modifiedIndex)
  }

  /// Leads, and records its start, its cancellation and its end.
  private func work(
    _ name: String, _ leadership: Leadership, _ diary: Diary,
    whenCancelled: @escaping @Sendable () async -> Void = {}
  ) -> Task<UInt64, any Error> {
    Task {
      try await leadership.withLeadership { term in
        diary.note("\(name) begins")
        try? await Task.sleep(for: .seconds(600))
        diary.note("\(name) is cancelled")
        await whenCancelled()
        diary.note("\(name) ends")
        return term
      }
    }
  }

  /// The lease stays until the work has ended; then the other process leads at once.
  @Test func aShutdownWaitsForTheWorkAndHandsOver() async throws {
    try await self.withKVStore { endpoint, client in
      let diary = Diary()
      let (a, b) = (try self.leadership("a", endpoint), try self.leadership("b", endpoint))
      let (changesOfA, changesOfB) = (a.changes, b.changes)
      let (gate, openGate) = AsyncStream.makeStream(of: Never.self)
      let workOfA = self.work("a", a, diary) {
        // A task of its own is not cancelled.
        await Task { for await _ in gate {} }.value
      }
      try await self.with(a) { serviceOfA in
        try await eventually("a leads") { diary.has("a begins") }
        try await self.with(b) { _ in
          let workOfB = self.work("b", b, diary)
          var seenByB = changesOfB.makeAsyncIterator()
          #expect(await seenByB.next() == .following(leader: nil))
          #expect(await seenByB.next() == .following(leader: "a"))

          await serviceOfA.triggerGracefulShutdown()
          try await eventually("a is cancelled") { diary.has("a is cancelled") }
          let index = try await self.holder(client).index
          var renewed = try await self.holder(client)
          while renewed.index < index + 2 {
            try await Task.sleep(for: .milliseconds(50))
            renewed = try await self.holder(client)
          }
          #expect(renewed.name == "a")
          #expect(diary.lines == ["a begins", "a is cancelled"])
          openGate.finish()

          let termOfA = try await workOfA.value
          try await eventually("b leads") { diary.has("b begins") }
          #expect(diary.lines == ["a begins", "a is cancelled", "a ends", "b begins"])
          guard case .leading(let termOfB) = await seenByB.next() else {
            throw TestFailure("b does not say that it leads")
          }
          #expect(termOfB > termOfA)
          var seenOfA: [Leadership.Change] = []
          for await change in changesOfA { seenOfA.append(change) }
          #expect(
            seenOfA == [
              .following(leader: nil), .leading(term: termOfA), .following(leader: nil),
            ])
          workOfB.cancel()
          #expect(try await workOfB.value == termOfB)
        }
      }
    }
  }

  /// The store freezes: the work is cancelled while the lease is still valid for others.
  @Test func theWorkIsCancelledBeforeTheLeaseEnds() async throws {
    try await self.withKVStore { endpoint, client in
      let diary = Diary()
      try await Relay.with(port: endpoint.port) { relay in
        let a = try self.leadership("a", relay.endpoint, ttl: 15)
        let b = try self.leadership("b", endpoint, ttl: 15)
        let (untilCancelled, cancelled) = AsyncStream.makeStream(of: Never.self)
        let workOfA = self.work("a", a, diary) { cancelled.finish() }
        try await self.with(a) { _ in
          try await eventually("a leads") { diary.has("a begins") }
          let workOfB = self.work("b", b, diary)
          try await self.with(b) { _ in
            relay.isSilent = true
            for await _ in untilCancelled {}
            #expect(try await self.holder(client).name == "a")
            let termOfA = try await workOfA.value
            try await eventually("b leads") { diary.has("b begins") }
            #expect(diary.lines == ["a begins", "a is cancelled", "a ends", "b begins"])
            workOfB.cancel()
            #expect(try await workOfB.value > termOfA)
          }
        }
      }
    }
  }

  @Test func aLostTermIsToldApartFromAnErrorOfTheWork() async throws {
    struct Failure: Error {}
    try await self.withKVStore { endpoint, client in
      let a = try self.leadership("a", endpoint)
      try await self.with(a) { _ in
        await #expect(throws: Failure.self) { try await a.withLeadership { _ in throw Failure() } }
        // It still leads, and another body works.
        let begun = Diary()
        let lost = Task {
          try await a.withLeadership { _ in
            begun.note("begun")
            try await Task.sleep(for: .seconds(600))
          }
        }
        try await eventually("the work begins") { begun.has("begun") }
        let term = try await client.get(Self.key, quorum: true).node.createdIndex
        _ = try await client.delete(Self.key)
        await #expect(throws: LeadershipError.lost(term: term)) { try await lost.value }
        // The next term has work again.
        let next = try await a.withLeadership { $0 }
        #expect(next > term)
      }
      await #expect(throws: LeadershipError.notRunning) { try await a.withLeadership { $0 } }
      var changes: [Leadership.Change] = []
      for await change in a.changes { changes.append(change) }
      #expect(changes == [.following(leader: nil)])
    }
  }

  @Test func whoWaitsCanBeCancelled() async throws {
    let a = try self.leadership("a", EtcdEndpoint("http://127.0.0.1:1"))
    let waiting = Task { try await a.withLeadership { $0 } }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
  }

  @Test func noBodyStartsWhileOneOfAnEarlierTermRuns() async throws {
    let stage = LeadershipStage()
    let soon = ContinuousClock.now + .seconds(600)
    let (untilEnd, end) = AsyncStream.makeStream(of: Never.self)
    let (_, other) = AsyncStream.makeStream(of: Never.self)
    #expect(await stage.install(term: 4, before: soon) == .installed)
    let first = try #require(await stage.next { $0.admit(end) })
    #expect(first.term == 4)
    // Another body in the same term may start.
    let second = try #require(await stage.next { $0.admit(other) })
    stage.leave(second.id)

    await stage.remove()
    for await _ in untilEnd {}
    #expect(stage.isCancelled(first.id))
    #expect(await stage.install(term: 7, before: soon) == .installed)
    let diary = Diary()
    await withDiscardingTaskGroup { group in
      group.addTask {
        let third = await stage.next { $0.admit(other) }
        diary.note("term \(third?.term ?? 0) begins")
      }
      group.addTask {
        #expect(await stage.awaitEnd(isYoung: false) == .ended)
        #expect(diary.has("leaves"))
      }
      // Enough for a process that would not wait.
      try? await Task.sleep(for: .milliseconds(200))
      diary.note("leaves")
      stage.leave(first.id)
    }
    #expect(diary.lines == ["leaves", "term 7 begins"])
  }

  @Test func nothingBeginsAfterTheEndOfTheLease() async {
    let stage = LeadershipStage()
    #expect(await stage.install(term: 4, before: .now - .milliseconds(1)) == .tooLate)
    var changes = stage.changes.makeAsyncIterator()
    #expect(await changes.next() == .following(leader: nil))
  }

  /// Without a grace no process waits after the end of a lease, however short the lease is.
  @Test(arguments: [
    (Int64(1), Duration.zero, Duration.zero), (30, .zero, .zero), (30, .seconds(5), .zero),
    (30, .seconds(20), Duration.microseconds(10_257_500)),
  ]) func whatOthersWaitFor(_ ttl: Int64, _ grace: Duration, _ delay: Duration) throws {
    #expect(try Leadership.timing(ttlSeconds: ttl, grace: grace).lockDelay == delay)
  }
}
