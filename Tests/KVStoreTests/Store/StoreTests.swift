import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import KVStore

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StoreTests {
  /// Watchers at the newest index race with the writer: an event between the look at the history and the wait
  /// would be missing here.
  @Test func noEventFallsBetweenTheLookAndTheWait() async throws {
    let store = try Store(.memory, logger: Logger(label: "test"))
    let count = 10_000 as UInt64
    let progress = Progress()
    await withTaskGroup { group in
      for watcher in 0..<4 {
        group.addTask {
          for index in 1...count {
            let event = try? await Self.next(of: store, from: index)
            guard let event, event.contains("\"modifiedIndex\":\(index),") else {
              Issue.record("instead of event \(index): \(event ?? "nothing")")
              break
            }
            progress.note(watcher, index)
          }
          progress.note(watcher, count)
        }
      }
      // The writer is just ahead of them, and waits for no answer: a change at nearly every moment.
      group.addTask {
        // A watcher that waits for what it missed would hold up everybody for ever.
        let patience = Duration.seconds(100)
        var (seen, end) = (progress.slowest, ContinuousClock.now + patience)
        for number in 1...count {
          while number > progress.slowest + 3, ContinuousClock.now < end {
            await Task.yield()
            if progress.slowest > seen { (seen, end) = (progress.slowest, .now + patience) }
          }
          store.submit(.set(StorePath("/k\(number % 7)"), "x")) { _ in }
        }
      }
    }
    #expect(store.watcherCount == 0)
    await store.close()
  }

  /// A read finds what a watcher got.
  @Test func whoIsToldOfAnEventFindsItInTheTree() async throws {
    let store = try Store(.memory, logger: Logger(label: "test"))
    let behind = Mutex(0)
    let start = try store.watch(
      .root, isRecursive: true, isStream: true, waitIndex: nil
    ) { event, _ in
      let index = String(buffer: event).firstMatch(of: /"modifiedIndex":(\d+)/)
        .flatMap { UInt64($0.1) }
      if store.current.index < index ?? .max { behind.withLock { $0 += 1 } }
    }
    for number in 1...500 { _ = try await Self.set(store, "/k", "\(number)") }
    #expect(behind.withLock { $0 } == 0)
    store.unwatch(try #require(start.id))
    await store.close()
  }

  @Test func whatComesAfterTheEndIsRefused() async throws {
    let store = try Store(.memory, logger: Logger(label: "test"))
    await store.close()
    let error = await #expect(throws: StoreError.self) {
      _ = try await Self.set(store, "/k", "1")
    }
    #expect(error?.code == .internalError)
  }

  /// The watchdog would take a writer that hangs for one that lives: what waits for it fills its inbox.
  @Test func aFullInboxIsNoTurnOfTheWriter() async throws {
    let store = try Store(.memory, logger: Logger(label: "test"))
    store.inbox.withLock { $0.byteCount += 1 << 40 }
    async let ended = {
      await store.writerTurn()
      return ContinuousClock.now
    }()
    try await Task.sleep(for: .milliseconds(300))
    let released = ContinuousClock.now
    store.inbox.withLock { $0.byteCount -= 1 << 40 }
    #expect(await ended >= released)
    await store.close()
  }

  /// How far each watcher is.
  private final class Progress: Sendable {
    private let indices = Mutex<[UInt64]>([0, 0, 0, 0])

    var slowest: UInt64 { self.indices.withLock { $0.min() ?? 0 } }
    func note(_ watcher: Int, _ index: UInt64) { self.indices.withLock { $0[watcher] = index } }
  }

  private static func set(_ store: Store, _ key: String, _ value: String) async throws -> Event {
    try await withCheckedThrowingContinuation { continuation in
      store.submit(.set(StorePath(key), .init(value: Array(value.utf8)))) {
        continuation.resume(with: $0)
      }
    }
  }

  private static func next(of store: Store, from index: UInt64) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
      do {
        let start = try store.watch(
          .root, isRecursive: true, isStream: false, waitIndex: index
        ) { event, _ in continuation.resume(returning: String(buffer: event)) }
        if let event = start.event { continuation.resume(returning: String(buffer: event)) }
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }
}
