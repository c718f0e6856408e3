import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import Synchronization
import TestCluster

extension APITrial {
  /// Changes pods, one after the other, while some watch all of them.
  /// - Parameters:
  ///   - round: another one each time, so that each change is one.
  ///   - idle: what the processor does for a change that nobody watches.
  /// - Returns: `nil` without watchers; and what the server's processor did for one change.
  package func watch(
    _ watchers: Int, pods: Int, round: Int, without idle: Duration, _ stage: Stage
  ) async throws -> (watch: Report.Watch?, processor: Duration) {
    let page = try await stage.ask("\(stage.url)/api/v1/pods?limit=1")
    guard let version = Stage.text(of: "resourceVersion", in: page) else {
      throw RequestError.malformed("a list without a resourceVersion")
    }
    let memory = ProcessLoad.anonymousMemory(pid: stage.server.pid)
    let arrivals = Arrivals(watchers: watchers)
    let (sent, processor, used) = try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<watchers {
        group.addTask {
          try await Self.follow(
            "\(stage.url)/api/v1/pods?watch=true&resourceVersion=\(version)", stage, arrivals)
        }
      }
      try await Self.wait(for: watchers, stage)
      let used = ProcessLoad.anonymousMemory(pid: stage.server.pid) - memory
      let before = ProcessTimes(pid: stage.server.pid)
      var sent: [ContinuousClock.Instant] = []
      for number in 0..<self.events {
        sent.append(.now)
        try await Self.update(number % pods, restarts: 1_000_000 * (round + 1) + number, stage)
        try await TrialProcess.wait(
          "for all watchers", within: .seconds(60), every: .milliseconds(1)
        ) {
          if watchers > 0 { try arrivals.check() }
          return watchers == 0 || arrivals.isComplete(number)
        }
      }
      let seconds = ProcessTimes(pid: stage.server.pid).seconds - before.seconds
      group.cancelAll()
      return (sent, Duration.seconds(seconds / Double(self.events)), used)
    }
    try await Self.wait(for: 0, stage)
    guard watchers > 0 else { return (nil, processor) }
    let times = arrivals.times(since: sent)
    return (
      Report.Watch(
        watchers: watchers, arrivals: Distribution(times.flatMap(\.self)),
        complete: Distribution(times.compactMap { $0.max() }),
        processor: max(.zero, processor - idle) / watchers, memory: max(0, used) / watchers),
      processor
    )
  }

  /// Until the server has so many watchers of pods.
  private static func wait(for watchers: Int, _ stage: Stage) async throws {
    let wanted = "apiserver_registered_watchers{kind=\"pods\"} \(watchers)"
    try await TrialProcess.wait("for \(watchers) watchers", within: .seconds(120)) {
      let page = try await stage.ask("\(stage.url)/metrics")
      return String(decoding: page, as: UTF8.self).split(separator: "\n").contains { $0 == wanted }
    }
  }

  /// One watcher, until it is cancelled.
  private static func follow(_ url: String, _ stage: Stage, _ arrivals: Arrivals) async throws {
    do {
      let response = try await stage.requests.client.execute(
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
      if !Task.isCancelled { arrivals.end("a watch has ended") }
    } catch {
      if !Task.isCancelled { arrivals.end("a watch has failed: \(error)") }
    }
  }
}

/// When each change came to each watcher.
private final class Arrivals: Sendable {
  private struct State {
    package var instants: [[ContinuousClock.Instant]] = []
    package var end: String?
  }

  private let watchers: Int
  private let state = Mutex(State())

  package init(watchers: Int) { self.watchers = watchers }

  /// - Parameter number: which of the changes it is, from 0 on; each watcher sees them in their order.
  package func add(_ number: Int, _ instant: ContinuousClock.Instant) {
    self.state.withLock { state in
      while state.instants.count <= number { state.instants.append([]) }
      state.instants[number].append(instant)
    }
  }

  package func end(_ reason: String) { self.state.withLock { $0.end = $0.end ?? reason } }

  /// - Throws: ``ClusterError/interrupted(_:)`` when a watcher cannot see anything any more.
  package func check() throws {
    if let end = self.state.withLock(\.end) { throw ClusterError.interrupted(end) }
  }

  package func isComplete(_ number: Int) -> Bool {
    self.state.withLock {
      $0.instants.count > number && $0.instants[number].count >= self.watchers
    }
  }

  /// How long each change took to each watcher.
  package func times(since sent: [ContinuousClock.Instant]) -> [[Duration]] {
    zip(sent, self.state.withLock(\.instants)).map { begin, instants in
      instants.map { $0 - begin }
    }
  }
}
