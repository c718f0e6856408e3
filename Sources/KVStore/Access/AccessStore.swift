import Dispatch
import Logging
import Synchronization

/// The shell around ``AccessRules`` and ``AccessTokens``: the rules as on disk, one change after the other, and
/// passwords on threads of their own.
final class AccessStore: Sendable {
  private let database: Database
  private let logger: Logger
  private let clock: StoreClock
  private let rules: Mutex<AccessRules>
  private let enabled: Atomic<Bool>
  private let tokens = Mutex(AccessTokens())
  private let passwords: PasswordChecker
  private let changes = DispatchQueue(label: "kvstore-access")

  init(
    _ rules: AccessRules, database: Database, clock: StoreClock, passwords: PasswordChecker,
    logger: Logger
  ) {
    self.database = database
    self.logger = logger
    self.clock = clock
    self.passwords = passwords
    self.rules = Mutex(rules)
    self.enabled = Atomic(rules.isEnabled)
  }

  /// Whether requests need a user.
  var isEnabled: Bool { self.enabled.load(ordering: .acquiring) }

  var current: AccessRules { self.rules.withLock { $0 } }

  // MARK: Users

  /// - Returns: the user of a call.
  /// - Throws: for a call without one, or with a token that is none.
  func user(of head: CallHead) throws(RPCStatus) -> String {
    if let token = head.token, !token.isEmpty {
      let now = self.clock.now
      guard let user = self.tokens.withLock({ $0.user(of: token, now: now) }) else {
        throw .invalidToken
      }
      return user
    }
    let name = head.certificateName.map { String(decoding: $0.bytes, as: UTF8.self) }
    guard let name, self.rules.withLock({ $0.users[name] != nil }) else { throw .userEmpty }
    return name
  }

  /// Checks a password, on another thread.
  /// - Parameter reply: gets a token.
  func authenticate(
    _ name: String, password: String, address: String,
    isWanted: @escaping @Sendable () -> Bool,
    reply: @escaping @Sendable (Result<String, RPCStatus>) -> Void
  ) throws(RPCStatus) {
    let rules = self.current
    guard rules.isEnabled else { throw .authNotEnabled }
    guard let user = rules.users[name] else { throw .authFailed }
    guard let hash = user.passwordHash else { throw .noPasswordUser }
    self.passwords.check(
      Array(password.utf8), of: KeyName(name.utf8), hash: hash, address: address,
      isWanted: isWanted
    ) { isRight in
      // The password may have changed meanwhile.
      guard isRight, self.current.users[name]?.passwordHash == hash else {
        return reply(.failure(.authFailed))
      }
      let letters = String((0..<16).map { _ in Self.letters.randomElement() ?? "a" })
      let now = self.clock.now
      reply(.success(self.tokens.withLock { $0.add(for: name, letters: letters, now: now) }))
    }
  }

  private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

  /// Hashes a new password, on another thread.
  /// - Parameter reply: gets `nil` for none.
  func hash(
    _ password: String, reply: @escaping @Sendable (Result<String?, RPCStatus>) -> Void
  ) {
    self.passwords.make(Array(password.utf8)) { hash in
      reply(
        hash.map { .success($0) }
          ?? .failure(RPCStatus(.invalidArgument, "etcdserver: the password cannot be hashed")))
    }
  }

  // MARK: Changes

  /// Makes a change, on another thread.
  func carryOut(
    _ change: AccessChange, reply: @escaping @Sendable (Result<Void, RPCStatus>) -> Void
  ) {
    self.changes.async {
      let old = self.current
      var new = old
      do throws(RPCStatus) {
        try new.apply(change)
        if new != old { try self.commit(new, replacing: old) }
        reply(.success(()))
      } catch {
        reply(.failure(error))
      }
    }
  }

  private func commit(_ new: AccessRules, replacing old: AccessRules) throws(RPCStatus) {
    do {
      try self.database.commit(new)
    } catch {
      self.logger.error(
        "Could not write to disk, a change of users or roles was refused",
        metadata: ["err": "\(error)"])
      throw RPCStatus(.unavailable, "etcdserver: cannot write to disk: \(error)")
    }
    self.rules.withLock { $0 = new }
    self.enabled.store(new.isEnabled, ordering: .releasing)
    self.tokens.withLock { tokens in
      for (name, user) in old.users where new.users[name]?.passwordHash != user.passwordHash {
        tokens.removeAll(of: name)
      }
      if !new.isEnabled { tokens.removeAll() }
    }
    if new.isEnabled != old.isEnabled {
      self.logger.info("Auth of the v3 API was switched \(new.isEnabled ? "on" : "off")")
    }
  }
}
