import DequeModule

/// The passwords that wait for bcrypt, as a value: which one is tried next, and when a wrong one is answered.
///
/// bcrypt takes tens of milliseconds on purpose, and one password is tried at a time. So that guessers on many
/// connections do not delay a right password by as many times that:
///
/// 1. Each address has its turn for each user that it claims to be, however many attempts wait there: guesses
///    at one user's password delay no other user, and no other address.
/// 2. Among those of one address and user the newest comes first: those who came before it in a burst do not
///    delay it. Every fourth time it is the oldest, so that none waits for ever.
/// 3. Wrong passwords are answered one after the other, with pauses of four times the time that bcrypt takes. A
///    guesser waits for its answer before it tries again: so guesses take a quarter of the time, once each
///    guesser had its first answer.
///
/// A password that was verified before does not come here, see ``VerifiedPasswords``.
struct PasswordQueue<Attempt> {
  struct Source: Hashable {
    /// The IP address; empty for an unknown one.
    let address: String
    let user: KeyName
  }

  private var waiting: [Source: Deque<Attempt>] = [:]
  /// Those of which an attempt waits; the first one is next.
  private var turns: Deque<Source> = []
  private var count = 0
  private var lastAnswer: ContinuousClock.Instant?

  /// The longest that a wrong password waits for its answer.
  private static var longestPause: Duration { .seconds(60) }

  mutating func add(_ attempt: Attempt, from source: Source) {
    if self.waiting[source] == nil { self.turns.append(source) }
    self.waiting[source, default: []].append(attempt)
  }

  mutating func next() -> Attempt? {
    guard let source = self.turns.popFirst(),
      var attempts = self.waiting.removeValue(forKey: source)
    else { return nil }
    self.count += 1
    let next = self.count % 4 == 0 ? attempts.popFirst() : attempts.popLast()
    if !attempts.isEmpty {
      self.waiting[source] = attempts
      self.turns.append(source)
    }
    return next
  }

  /// When to answer a wrong password.
  /// - Parameter cost: the time that bcrypt took.
  mutating func answer(
    at now: ContinuousClock.Instant, cost: Duration
  ) -> ContinuousClock.Instant {
    let answer = min(max(self.lastAnswer ?? now, now) + cost * 4, now + Self.longestPause)
    self.lastAnswer = answer
    return answer
  }
}
