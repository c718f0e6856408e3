import HTTPEndpoint

/// Which of several endpoints the next call goes to, and when, as a value.
struct EndpointChoice: Sendable {
  /// A watch in progress.
  struct Watch: Sendable {
    var id: Int
    var endpoint: Int
    /// Finished when other calls find that its endpoint does not answer.
    var stay: AsyncStream<Never>.Continuation
  }

  let count: Int
  /// The index of the endpoint that the next call goes to.
  private(set) var preferred = 0
  /// After all endpoints have failed, no call starts before this instant.
  private(set) var notBefore: ContinuousClock.Instant?
  private(set) var watches: [Int: Watch] = [:]
  private var backoff: EndpointBackoff
  private var lastWatch = 0

  init(count: Int, longestPause: Duration) {
    self.count = count
    self.backoff = EndpointBackoff(longest: longestPause)
  }

  mutating func succeeded() {
    self.backoff.succeeded()
    self.notBefore = nil
  }

  mutating func allFailed(at now: ContinuousClock.Instant) {
    self.backoff.failed()
    var generator = SystemRandomNumberGenerator()
    self.notBefore = now + self.backoff.pause(using: &generator)
  }

  /// Prefers the next endpoint, unless another call has done so already.
  /// - Returns: the watches that have to move. With one endpoint they stay: reconnecting them would only add
  ///   to the load of a busy server.
  mutating func leave(_ index: Int) -> [Watch] {
    guard self.count > 1 else { return [] }
    if self.preferred == index { self.preferred = (index + 1) % self.count }
    let moving = self.watches.values.filter { $0.endpoint == index }
    for watch in moving { self.watches[watch.id] = nil }
    return moving
  }

  mutating func addWatch(_ stay: AsyncStream<Never>.Continuation) -> Watch {
    self.lastWatch += 1
    let watch = Watch(id: self.lastWatch, endpoint: self.preferred, stay: stay)
    self.watches[watch.id] = watch
    return watch
  }

  mutating func remove(_ watch: Watch) { self.watches[watch.id] = nil }
}
