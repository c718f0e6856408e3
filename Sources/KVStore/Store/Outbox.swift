import NIOCore

/// What a batch has for event loops, each of which is woken once.
struct Outbox {
  private var batches: [(loop: any EventLoop, work: [@Sendable () -> Void])] = []

  /// - Parameter loop: `nil` to do it here, at once.
  mutating func add(_ loop: (any EventLoop)?, _ work: @escaping @Sendable () -> Void) {
    guard let loop else { return work() }
    if let index = self.batches.firstIndex(where: { $0.loop === loop }) {
      self.batches[index].work.append(work)
    } else {
      self.batches.append((loop, [work]))
    }
  }

  mutating func send() {
    for (loop, work) in self.batches {
      loop.execute { for work in work { work() } }
    }
    self.batches = []
  }
}
