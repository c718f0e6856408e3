import AsyncHTTPClient
import NIOCore
import Synchronization
import TestCluster

extension APIBenchmark {
  /// With each number of watchers, after once without any for comparison.
  func watches(
    _ server: MeasuredAPIServer, _ progress: BenchmarkProgress
  ) async throws -> [Figures.Watch] {
    var idle = Duration.zero
    var watches: [Figures.Watch] = []
    for (round, watchers) in ([0] + self.watcherCounts.sorted()).enumerated() {
      if watchers > 0 { progress.note("\(watchers) watchers") }
      let watch = try await self.watch(watchers, round: round, idle: idle, server)
      if watchers > 0 { watches.append(watch) } else { idle = watch.processor }
      progress.advance()
    }
    return watches
  }

  /// Changes pods, one after the other, while some watch all of them.
  /// - Parameters:
  ///   - round: another one each time, so that each update is a change.
  ///   - idle: the processor time of a change that nothing watches.
  private func watch(
    _ watchers: Int, round: Int, idle: Duration, _ server: MeasuredAPIServer
  ) async throws -> Figures.Watch {
    let page = try await server.ask("\(server.url)/api/v1/pods?limit=1")
    guard let version = MeasuredAPIServer.text(of: "resourceVersion", in: page) else {
      throw BenchmarkError.malformed("resourceVersion")
    }
    let memory = try server.process.usage().anonymousBytes
    let arrivals = Arrivals(watchers: watchers)
    let (sent, processor, used) = try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<watchers {
        group.addTask {
          try await Self.follow(
            "\(server.url)/api/v1/pods?watch=true&resourceVersion=\(version)", server, arrivals)
        }
      }
      try await Self.waitUntil(watchers, watch: server)
      let before = try server.process.usage()
      let sent = try await Rounds(self.events).measure { number in
        let instant = ContinuousClock.now
        try await server.update(number % self.pods, restarts: 1_000_000 * (round + 1) + number)
        if watchers > 0 {
          try await wait(for: "all watchers", within: .seconds(60), every: .milliseconds(1)) {
            try arrivals.areComplete(number)
          }
        }
        return instant
      }
      let seconds = try server.process.usage().cpuSeconds - before.cpuSeconds
      group.cancelAll()
      return (
        sent, Duration.seconds(seconds / Double(self.events)), before.anonymousBytes - memory
      )
    }
    try await Self.waitUntil(0, watch: server)
    let times = arrivals.times(since: sent)
    let each = max(1, watchers)
    return Figures.Watch(
      watchers: watchers, arrivals: times.flatMap(\.self), complete: times.compactMap { $0.max() },
      processor: max(.zero, processor - idle) / each, memory: max(0, used) / each)
  }

  /// Until the server has that many watchers of pods.
  private static func waitUntil(_ watchers: Int, watch server: MeasuredAPIServer) async throws {
    let wanted = "apiserver_registered_watchers{kind=\"pods\"} \(watchers)"
    try await wait(for: "\(watchers) watchers", within: .seconds(120)) {
      let page = try await server.ask("\(server.url)/metrics")
      return String(decoding: page, as: UTF8.self).split(separator: "\n").contains { $0 == wanted }
    }
  }

  /// One watcher, until it is cancelled.
  private static func follow(
    _ url: String, _ server: MeasuredAPIServer, _ arrivals: Arrivals
  ) async throws {
    do {
      let response = try await server.requests.client.execute(
        HTTPClientRequest(url: url), timeout: .hours(1))
      var count = 0
      for try await part in response.body {
        let now = ContinuousClock.now
        // An event is a line, and none has a line break in it.
        for byte in part.readableBytesView where byte == UInt8(ascii: "\n") {
          arrivals.add(count, now)
          count += 1
        }
      }
      if !Task.isCancelled { arrivals.end("by the server") }
    } catch {
      if !Task.isCancelled { arrivals.end("\(error)") }
    }
  }
}

/// When each change came to each watcher.
private final class Arrivals: Sendable {
  private struct State {
    var instants: [[ContinuousClock.Instant]] = []
    var end: String?
  }

  private let watchers: Int
  private let state = Mutex(State())

  init(watchers: Int) { self.watchers = watchers }

  /// - Parameter number: of the change, from 0 on; each watcher sees them in their order.
  func add(_ number: Int, _ instant: ContinuousClock.Instant) {
    self.state.withLock { state in
      while state.instants.count <= number { state.instants.append([]) }
      state.instants[number].append(instant)
    }
  }

  func end(_ reason: String) { self.state.withLock { $0.end = $0.end ?? reason } }

  /// Whether a change came to all watchers.
  /// - Throws: ``BenchmarkError/watchEnded(_:)``: that watcher sees nothing more.
  func areComplete(_ number: Int) throws(BenchmarkError) -> Bool {
    let (instants, end) = self.state.withLock { ($0.instants, $0.end) }
    if let end { throw .watchEnded(end) }
    return instants.count > number && instants[number].count >= self.watchers
  }

  /// How long each change took to each watcher.
  func times(since sent: [ContinuousClock.Instant]) -> [[Duration]] {
    zip(sent, self.state.withLock(\.instants)).map { begin, instants in
      instants.map { $0 - begin }
    }
  }
}
