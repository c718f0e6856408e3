import Dispatch
import Logging
import Synchronization

/// Tries and makes passwords off the event loops, for the users of either API.
///
/// One password at a time is tried: guessing keeps at most one processor busy. ``PasswordQueue`` decides which one,
/// and ``VerifiedPasswords`` spares bcrypt.
final class PasswordChecker: Sendable {
  private let logger: Logger
  let verified = VerifiedPasswords()
  private let tries = DispatchQueue(label: "kvstore-passwords")
  /// A connection has one request under way, and those of closed ones are passed over: the number of
  /// connections bounds the queue.
  private let waiting = Mutex(PasswordQueue<Attempt>())
  /// New passwords, which only root may set, do not wait behind those that are tried.
  private let newPasswords = DispatchQueue(label: "kvstore-new-passwords")

  private struct Attempt: Sendable {
    let user: KeyName
    let password: [UInt8]
    let hash: String
    let isWanted: @Sendable () -> Bool
    let reply: @Sendable (Bool) -> Void
  }

  init(logger: Logger) { self.logger = logger }

  /// Checks a password. The reply comes on another thread; see ``PasswordQueue`` for when.
  /// - Parameters:
  ///   - address: the client's, without its port.
  ///   - isWanted: whether the connection is still there.
  func check(
    _ password: [UInt8], of user: KeyName, hash: String, address: String,
    isWanted: @escaping @Sendable () -> Bool, reply: @escaping @Sendable (Bool) -> Void
  ) {
    let attempt = Attempt(
      user: user, password: password, hash: hash, isWanted: isWanted, reply: reply)
    self.waiting.withLock { $0.add(attempt, from: .init(address: address, user: user)) }
    self.tries.async {
      while let attempt = self.waiting.withLock({ $0.next() }) {
        guard attempt.isWanted() else { continue }
        self.carryOut(attempt)
        return
      }
    }
  }

  private func carryOut(_ attempt: Attempt) {
    let (user, password) = (attempt.user, attempt.password)
    let start = ContinuousClock.now
    // Of many simultaneous requests the first one checks for all.
    let isKnown = self.verified.contains(password, of: user, hash: attempt.hash)
    guard isKnown || PasswordHash.isRight(password, for: attempt.hash) else {
      self.logger.debug("A wrong password", metadata: ["user": "\(user.text)"])
      let now = ContinuousClock.now
      let answer = self.waiting.withLock { $0.answer(at: now, cost: now - start) }
      DispatchQueue.global().asyncAfter(deadline: .now() + (answer - now) / .seconds(1)) {
        attempt.reply(false)
      }
      return
    }
    if !isKnown { self.verified.insert(password, of: user, hash: attempt.hash) }
    attempt.reply(true)
  }

  /// Hashes a new password, on another thread.
  /// - Parameter reply: gets `nil` for one with a zero byte, and when the system lacks random numbers or memory.
  func make(_ password: [UInt8], reply: @escaping @Sendable (String?) -> Void) {
    self.newPasswords.async {
      reply(password.contains(0) ? nil : PasswordHash.make(password))
    }
  }
}

extension KeyName {
  /// For logs; invalid UTF-8 becomes U+FFFD.
  fileprivate var text: String { String(decoding: self.bytes, as: UTF8.self) }
}
