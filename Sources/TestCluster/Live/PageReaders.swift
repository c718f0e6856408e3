import NIOCore
import Synchronization

/// The open pages. There are at most ``maximum``; one that has read nothing for ``patience`` makes room for a new one.
final class PageReaders: Sendable {
  static let maximum = 32
  static let patience = Duration.seconds(20)

  private struct Reader {
    var channel: any Channel
    var readAt: ContinuousClock.Instant
  }

  private struct State {
    var next = 0
    var readers: [Int: Reader] = [:]
  }

  private let state = Mutex(State())

  /// - Returns: the reader's number; `nil` when there are too many.
  func enter(_ channel: any Channel) -> Int? {
    let now = ContinuousClock.now
    let (number, stuck) = self.state.withLock { state -> (Int?, [any Channel]) in
      let stuck = state.readers.filter { now - $0.value.readAt > Self.patience }
      for number in stuck.keys { state.readers[number] = nil }
      guard state.readers.count < Self.maximum else { return (nil, stuck.values.map(\.channel)) }
      state.next += 1
      state.readers[state.next] = Reader(channel: channel, readAt: now)
      return (state.next, stuck.values.map(\.channel))
    }
    for channel in stuck { channel.close(promise: nil) }
    return number
  }

  func hasRead(_ number: Int) {
    self.state.withLock { $0.readers[number]?.readAt = .now }
  }

  func leave(_ number: Int) {
    self.state.withLock { _ = $0.readers.removeValue(forKey: number) }
  }
}
