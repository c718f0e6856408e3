import Testing

@testable import KVStore

/// A right password among those of guessers, in simulated time.
@Suite struct PasswordQueueTests {
  private typealias Source = PasswordQueue<Attempt>.Source

  private static let cost = Duration.milliseconds(60)
  private static let guessers = Source(address: "10.0.0.1", user: KeyName("root".utf8))

  private enum Attempt {
    case right
    case wrong
  }

  /// Guessers of one address and one user, who try again as soon as they have an answer.
  private struct Flood {
    private var queue = PasswordQueue<Attempt>()
    private var next: [Duration]

    /// - Parameter ramp: the time in which they begin, one after the other.
    init(count: Int, ramp: Duration = .zero) {
      self.next = (0..<count).map { ramp * $0 / count }
    }

    /// - Returns: how long a right password waits that comes at that time.
    mutating func wait(of arrival: Duration, from source: Source) -> Duration {
      let start = ContinuousClock.now
      var now = Duration.zero
      var hasArrived = false
      while now < arrival + .seconds(600) {
        if !hasArrived, arrival <= now {
          self.queue.add(.right, from: source)
          hasArrived = true
        }
        let due = self.next.filter { $0 <= now }.count
        for _ in 0..<due { self.queue.add(.wrong, from: PasswordQueueTests.guessers) }
        self.next.removeAll { $0 <= now }
        switch self.queue.next() {
        case .right?: return now + PasswordQueueTests.cost - arrival
        case .wrong?:
          now += PasswordQueueTests.cost
          let answer = self.queue.answer(at: start + now, cost: PasswordQueueTests.cost)
          self.next.append(answer - start)
        case nil: now += .milliseconds(10)
        }
      }
      return .seconds(600)
    }
  }

  private static let arrivals = [0.01, 0.5, 1, 2.2, 3, 7, 15.03, 30, 31.37, 44.4, 61, 100]

  /// Another user's password, or one from another address, waits for one guess at most, and is tried then.
  @Test(arguments: [1, 10, 100, 1000], [Duration.zero, .seconds(3), .seconds(10)])
  func guessesDelayNoOtherUserAndNoOtherAddress(count: Int, ramp: Duration) {
    for source in [
      Source(address: "10.0.0.1", user: KeyName("kube".utf8)),
      Source(address: "10.0.0.2", user: KeyName("root".utf8)),
    ] {
      for arrival in Self.arrivals {
        var flood = Flood(count: count, ramp: ramp)
        let wait = flood.wait(of: .seconds(arrival), from: source)
        #expect(wait <= Self.cost * 3, "\(count) guessers, at \(arrival) s")
      }
    }
  }

  /// From where the guesses come, at the guessed user. Without the order or the pauses this is a minute and
  /// more for a thousand guessers.
  @Test(arguments: [1, 10, 100, 1000])
  func aRightPasswordWaitsLessThanASecond(count: Int) {
    for arrival in Self.arrivals {
      var flood = Flood(count: count)
      let wait = flood.wait(of: .seconds(arrival), from: Self.guessers)
      #expect(wait < .seconds(1), "\(count) guessers, at \(arrival) s")
    }
  }

  @Test func noneWaitsForEver() {
    var queue = PasswordQueue<Int>()
    let source = PasswordQueue<Int>.Source(address: "", user: KeyName("u".utf8))
    queue.add(-1, from: source)
    queue.add(-2, from: source)
    var seen: [Int] = []
    // There are always newer ones.
    for number in 0..<10 {
      queue.add(2 * number, from: source)
      queue.add(2 * number + 1, from: source)
      seen += [queue.next()].compactMap(\.self)
    }
    #expect(seen.contains(-1) && seen.contains(-2))
  }

  @Test func everyAttemptComesOnce() {
    var queue = PasswordQueue<Int>()
    for number in 0..<100 {
      queue.add(
        number, from: .init(address: "\(number % 3)", user: KeyName("\(number % 4)".utf8)))
    }
    var seen: [Int] = []
    while let number = queue.next() { seen.append(number) }
    #expect(seen.sorted() == Array(0..<100))
  }

  @Test func aSingleWrongPasswordIsAnsweredSoonAndALongQueueWithinAMinute() {
    var queue = PasswordQueue<Int>()
    let now = ContinuousClock.now
    #expect(queue.answer(at: now, cost: Self.cost) - now == Self.cost * 4)
    #expect(queue.answer(at: now, cost: Self.cost) - now == Self.cost * 8)
    for _ in 0..<1000 {
      #expect(queue.answer(at: now, cost: Self.cost) - now <= .seconds(60))
    }
    let later = now + .seconds(100)
    #expect(queue.answer(at: later, cost: Self.cost) - later == Self.cost * 4)
  }
}
