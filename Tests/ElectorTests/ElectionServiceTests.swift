import Elector
import EtcdClient
import FaultRelay
import Foundation
import HTTPEndpoint
import KVStore
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

/// A store in memory that forgets nothing and expires nothing.
final class MemoryStore: LeaseStore {
  struct State {
    var index: UInt64 = 1
    var holder: Holder?
    var history: [(UInt64, KeyChange)] = []
    var requests: [Election.Request.Kind] = []
    var record: (TermRecord, UInt64)?
    var isFrozen = false
  }
  let state = Mutex(State())
  let name: String
  /// Called with each request, before it is carried out.
  let observe: @Sendable (Election.Request.Kind) -> Void

  init(
    name: String = "me", observe: @escaping @Sendable (Election.Request.Kind) -> Void = { _ in }
  ) {
    self.name = name
    self.observe = observe
  }

  var holder: Holder? { self.state.withLock { $0.holder } }
  var record: TermRecord? { self.state.withLock { $0.record?.0 } }
  var requests: [Election.Request.Kind] { self.state.withLock { $0.requests } }

  func perform(_ request: Election.Request.Kind) async -> Election.Answer {
    self.observe(request)
    return self.state.withLock { state in
      state.requests.append(request)
      if state.isFrozen { return .unanswered(reason: "frozen") }
      switch request {
      case .readRecord:
        return state.record.map { .recordFound($0.0, modifiedIndex: $0.1) } ?? .recordAbsent
      case .writeRecord(let record, let prevIndex):
        guard state.record?.1 == prevIndex else { return .changed }
        state.index += 1
        state.record = (record, state.index)
        return .recordWritten(modifiedIndex: state.index)
      case .read, .create, .renew, .release: break
      }
      switch (request, state.holder) {
      case (.read, let holder?): return .found(holder, index: state.index)
      case (.create, .some): return .exists
      case (.create, nil):
        state.index += 1
        let holder = Holder(name: self.name, term: state.index, modifiedIndex: state.index)
        state.holder = holder
        return .granted(term: holder.term, modifiedIndex: holder.modifiedIndex)
      case (.renew(let index), let holder?) where index == holder.modifiedIndex:
        state.index += 1
        state.holder?.modifiedIndex = state.index
        return .granted(term: holder.term, modifiedIndex: state.index)
      case (.release(let index), let holder?) where index == holder.modifiedIndex:
        state.index += 1
        state.holder = nil
        state.history.append((state.index, .removed(index: state.index)))
        return .released(index: state.index)
      case (_, .some): return .changed
      case (_, nil): return .absent(index: state.index)
      }
    }
  }

  func nextChange(after index: UInt64) async throws -> KeyChange {
    while !Task.isCancelled {
      let change = self.state.withLock { state in state.history.first { $0.0 > index }?.1 }
      if let change { return change }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw CancellationError()
  }
}

/// Keeps the messages of a service.
final class LogLines: Sendable {
  private let messages = Mutex<[String]>([])
  var all: [String] { self.messages.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(lines: self) }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { self.metadata[key] }
      set { self.metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map {
        " \($0.key)=\($0.value)"
      }
      self.lines.messages.withLock { $0.append("\(event.message)" + metadata.joined()) }
    }
  }
}

extension NodeKubelet {
  /// A kubelet that runs nothing: what was removed has ended.
  static func idle<Value: Sendable>(
    _ body: (NodeKubelet) async throws -> Value
  ) async throws -> Value {
    try await ScriptedServer.with({ _ in .answer(200, [:], #"{"items":[]}"#) }) {
      try await body(NodeKubelet(Kubelet(url: $0.url)))
    }
  }
}

extension ManifestFixture {
  /// An election about its files.
  /// - Parameter kubelet: without one, nothing shows that a pod has ended.
  func election(
    _ store: any LeaseStore, key: String = "k", name: String = "me", ttl: Int64 = 30,
    sleep: Duration = .milliseconds(200), kubelet: NodeKubelet? = nil,
    podStop: PodStop = PodStop(detection: .zero, youngDetection: .zero, grace: .zero),
    _ lines: LogLines = LogLines()
  ) throws -> ElectionService {
    ElectionService(
      key: key,
      candidate: Candidate(name: name, bootID: name, destination: self.destination.path),
      timing: try Timing(
        ttlSeconds: ttl, sleep: sleep, podStop: podStop),
      store: store, manifest: self.file, kubelet: kubelet, logger: lines.logger)
  }
}

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ElectionServiceTests {
  private struct Running {
    let fixture: ManifestFixture
    let lines: LogLines
    let stop: @Sendable () async -> Void
  }

  /// Runs a service with files of its own, and with a kubelet that runs nothing or is not there; afterwards it
  /// is stopped, if it still runs.
  private func with(
    _ store: any LeaseStore, fixture: ManifestFixture? = nil, ttl: Int64 = 30,
    sleep: Duration = .milliseconds(200), hasKubelet: Bool = true,
    _ body: (Running) async throws -> Void
  ) async throws {
    try await NodeKubelet.idle {
      try await self.with(
        store, fixture: fixture, ttl: ttl, sleep: sleep, kubelet: hasKubelet ? $0 : nil, body)
    }
  }

  private func with(
    _ store: any LeaseStore, fixture: ManifestFixture?, ttl: Int64, sleep: Duration,
    kubelet: NodeKubelet?, _ body: (Running) async throws -> Void
  ) async throws {
    let fixture = try fixture ?? ManifestFixture()
    defer { fixture.cleanUp() }
    let lines = LogLines()
    let service = try fixture.election(store, ttl: ttl, sleep: sleep, kubelet: kubelet, lines)
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
        logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      try await body(
        Running(
          fixture: fixture, lines: lines, stop: { await group.triggerGracefulShutdown() }))
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
    #expect(fixture.installed == nil)
  }

  @Test func installsWhileItLeadsAndLeavesInOrder() async throws {
    let fixture = try ManifestFixture()
    let releasedBeside = Mutex(false)
    let store = MemoryStore { request in
      if case .release = request, fixture.installed != nil { releasedBeside.withLock { $0 = true } }
    }
    try await self.with(store, fixture: fixture) { running in
      try await eventually("installed") { fixture.installed == ManifestFixture.content }
      try await eventually("three rounds") { running.lines.all.count >= 4 }
      #expect(
        running.lines.all.prefix(4) == [
          "we are the master now term=2",
          "key already exists, we are the master (me)",
          "key already exists, we are the master (me)",
          "key already exists, we are the master (me)",
        ])
      await running.stop()
      try await eventually("released") { store.holder == nil }
      #expect(store.record?.term == 2)
      #expect(store.record?.isEnded == true)
    }
    #expect(!releasedBeside.withLock { $0 })
  }

  @Test func withoutAKubeletItLeavesNoReceiptAndTheLockToExpire() async throws {
    let store = MemoryStore()
    try await self.with(store, hasKubelet: false) { running in
      try await eventually("installed") { running.fixture.installed != nil }
      await running.stop()
      try await eventually("told") {
        running.lines.all.contains {
          $0.hasPrefix("the lock is left to expire reason=no kubelet has said")
        }
      }
    }
    #expect(store.record?.isEnded == false)
    #expect(store.holder != nil)
  }

  @Test func removesALeftOverBeforeTheFirstContact() async throws {
    let fixture = try ManifestFixture()
    try Data("old".utf8).write(to: fixture.destination)
    let wasThere = Mutex<Bool?>(nil)
    let store = MemoryStore { _ in
      wasThere.withLock { if $0 == nil { $0 = fixture.installed != nil } }
    }
    try await self.with(store, fixture: fixture) { _ in
      try await eventually("a request") { !store.requests.isEmpty }
    }
    #expect(wasThere.withLock { $0 } == false)
  }

  @Test func followsAndTakesOverAtOnce() async throws {
    let store = MemoryStore()
    store.state.withLock { $0.holder = Holder(name: "other", term: 1, modifiedIndex: 1) }
    // With a pause of a minute it is the watch that tells.
    try await self.with(store, sleep: .seconds(60)) { running in
      try await eventually("follows") {
        running.lines.all == ["key already exists, the master is other, sleeping."]
      }
      #expect(running.fixture.installed == nil)
      store.state.withLock {
        $0.holder = nil
        $0.index = 5
        $0.history.append((5, .removed(index: 5)))
      }
      try await eventually("installed") { running.fixture.installed != nil }
    }
  }

  @Test func aChangedSourceReachesTheDestination() async throws {
    try await self.with(MemoryStore(), sleep: .seconds(60)) { running in
      try await eventually("installed") { running.fixture.installed != nil }
      try running.fixture.write("kind: Pod # new\n")
      try await eventually("the new one") { running.fixture.installed == "kind: Pod # new\n" }
      try FileManager.default.removeItem(at: running.fixture.destination)
      try await eventually("restored") { running.fixture.installed == "kind: Pod # new\n" }
    }
  }

  @Test func oneWithoutASourceDoesNotKeepTheLock() async throws {
    let fixture = try ManifestFixture()
    try FileManager.default.removeItem(at: fixture.source)
    // As at the start of an elector: nothing was left over.
    try fixture.file.remove()
    let store = MemoryStore()
    try await self.with(store, fixture: fixture) { running in
      try await eventually("released") {
        store.requests.contains { if case .release = $0 { true } else { false } }
          && store.holder == nil
      }
      let error = "reason=cannot read \(fixture.source.path): No such file or directory"
      #expect(
        running.lines.all.contains {
          $0.hasPrefix("cannot install the manifest, giving the lock away \(error)")
        })
      try fixture.write(ManifestFixture.content)
      try await eventually("installed") { fixture.installed != nil }
    }
  }

  @Test func aFrozenStoreEndsTheLeadershipInTime() async throws {
    let store = MemoryStore()
    try await self.with(store, ttl: 1, sleep: .milliseconds(100)) { running in
      try await eventually("installed") { running.fixture.installed != nil }
      store.state.withLock { $0.isFrozen = true }
      try await eventually("removed") { running.fixture.installed == nil }
      store.state.withLock { $0.isFrozen = false }
      try await eventually("the same term again") {
        running.lines.all.contains("we are the master again term=2")
      }
    }
  }

  /// Of three endpoints the one in use falls silent, the next refuses, the last works.
  @Test func anEndpointThatHangsCostsNoLeaseInV2() async throws {
    let server = try await KVStoreServer.start(.memory)
    try await self.leadsOn(at: EtcdEndpoint(server.urls[0]), .v2)
    await server.stop()
  }

  @Test(.enabled(if: RealEtcd.program != nil, "there is no etcd: make deps"))
  func anEndpointThatHangsCostsNoLeaseInV3() async throws {
    try await RealEtcd.with { try await self.leadsOn(at: $0.endpoint, .v3) }
  }

  private func leadsOn(at store: EtcdEndpoint, _ api: EtcdAPI) async throws {
    let timing = try Timing(ttlSeconds: 30, sleep: .seconds(4))
    let dead = EtcdEndpoint.refusing
    try await Relay.with(port: store.port) { relay in
      let client = EtcdClient(
        endpoints: [relay.endpoint, dead, store], timeout: timing.requestTimeout,
        attemptTimeout: timing.attemptTimeout, connectTimeout: timing.attemptTimeout,
        longestPause: timing.attemptTimeout / 2)
      try await client.run { client in
        let options = LeaseOptions(
          key: "k", value: "me", ttlSeconds: timing.ttlSeconds, timeout: timing.requestTimeout)
        let key = EtcdLeasedKey(client: client, api: api, options: options)
        try await self.with(
          EtcdLeaseStore(key: key, name: "k"), ttl: timing.ttlSeconds, sleep: timing.sleep
        ) { running in
          try await eventually("installed") { running.fixture.installed != nil }
          relay.isSilent = true
          let silence = ContinuousClock.now
          // Without a renewal the manifest would be gone by now.
          try await eventually("the deadline") {
            .now > silence + timing.renewDeadline + timing.sleep
          }
          #expect(running.fixture.installed != nil)
          #expect(!running.lines.all.contains { $0.hasPrefix("we are no longer the master") })
          await running.stop()
          try await eventually("released") {
            running.lines.all.contains { $0.hasPrefix("released the lock") }
          }
        }
      }
    }
  }

  @Test func aManifestThatStaysIsAnError() async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    try FileManager.default.createDirectory(
      at: fixture.destination, withIntermediateDirectories: false)
    let store = MemoryStore()
    let service = try fixture.election(store, ttl: 1, sleep: .milliseconds(100))
    let group = ServiceGroup(
      services: [service], logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
    await group.triggerGracefulShutdown()
    await #expect(throws: ElectionServiceError.self) { try await group.run() }
    #expect(store.requests == [])
  }
}
