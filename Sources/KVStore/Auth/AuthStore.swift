import Dispatch
import Logging
import NIOCore
import Synchronization

/// The shell around ``AuthRules``: the rules as they are on disk, the one line of changes, and the
/// passwords' own queue.
///
/// The path of a change: what is asked becomes an ``AuthChange``, which is applied to a copy of the rules,
/// one after the other; the rows that differ are committed in one transaction; only then the copy counts
/// and the answer is given. A commit that fails drops the copy.
final class AuthStore: Sendable {
  typealias Reply = @Sendable (Result<AuthAnswer, AuthError>) -> Void

  private let database: Database
  private let logger: Logger
  private let rules: Mutex<AuthRules>
  private let enabled: Atomic<Bool>
  private let verified = VerifiedPasswords()
  private let changes = DispatchQueue(label: "kvstore-auth")
  /// One password at a time: whoever guesses keeps one processor busy at most. A connection has one
  /// request under way, so that what waits is bounded by the connections.
  private let passwords = DispatchQueue(label: "kvstore-passwords")

  init(_ rules: AuthRules, database: Database, logger: Logger) {
    self.database = database
    self.logger = logger
    self.rules = Mutex(rules)
    self.enabled = Atomic(rules.isEnabled)
  }

  /// Whether anybody is asked who he is.
  var isEnabled: Bool { self.enabled.load(ordering: .acquiring) }

  private var current: AuthRules { self.rules.withLock { $0 } }

  // MARK: Who it is

  enum Identification {
    case known(Requester)
    /// To be given to ``verify(_:reply:)``.
    case claimed(Claim)
  }

  /// Somebody says that he is a user, with a password that was not tried yet.
  struct Claim: Sendable {
    fileprivate let credentials: BasicCredentials
    fileprivate let hash: String
  }

  /// - Parameter header: `Authorization`; an empty one counts as none.
  func identify(_ header: String?) -> Identification {
    guard let header, !header.isEmpty else { return .known(.guest) }
    guard let credentials = BasicCredentials(header),
      let hash = self.rules.withLock({ $0.users[credentials.user]?.passwordHash })
    else { return .known(.unknown) }
    if self.verified.contains(credentials.password, of: credentials.user, hash: hash) {
      return .known(.user(credentials.user))
    }
    return .claimed(Claim(credentials: credentials, hash: hash))
  }

  /// Tries a password; the reply comes on another thread.
  func verify(_ claim: Claim, reply: @escaping @Sendable (Requester) -> Void) {
    self.passwords.async {
      let (user, password) = (claim.credentials.user, claim.credentials.password)
      // Of many requests that came at once the first has found it out for all.
      let isKnown = self.verified.contains(password, of: user, hash: claim.hash)
      guard isKnown || PasswordHash.isRight(password, for: claim.hash) else {
        self.logger.debug("A wrong password", metadata: ["user": "\(user.text)"])
        reply(.unknown)
        return
      }
      if !isKnown { self.verified.insert(password, of: user, hash: claim.hash) }
      // It may have been changed meanwhile.
      let isCurrent = self.rules.withLock { $0.users[user]?.passwordHash == claim.hash }
      reply(isCurrent ? .user(user) : .unknown)
    }
  }

  // MARK: What he may do

  func allows(
    _ requester: Requester, _ action: AuthRules.Action, rawPath: ArraySlice<UInt8>,
    isRecursive: Bool
  ) -> Bool {
    self.current.allows(requester, action, rawPath: rawPath, isRecursive: isRecursive)
  }

  func isRoot(_ requester: Requester) -> Bool { self.current.isRoot(requester) }

  // MARK: Requests

  /// Answers a request to `/v2/auth`, at once or on another thread.
  /// - Parameter query: the target's, where etcd looks at it: in the lists.
  func answer(
    _ request: AuthRequest, query: [UInt8]?, body: ByteBuffer, by requester: Requester,
    reply: @escaping Reply
  ) {
    do throws(AuthError) {
      guard request != .invalidPath else { throw .invalidPath }
      let rules = self.current
      guard !request.needsRoot || rules.isRoot(requester) else { throw .insufficientCredentials }
      switch request {
      case .invalidPath, .showState, .listUsers, .showUser, .listRoles, .showRole:
        reply(.success(try rules.answer(to: request, query: query)))
      case .enable: self.carryOut(.enable, reply: reply)
      case .disable: self.carryOut(.disable, reply: reply)
      case .deleteUser(let name): self.carryOut(.deleteUser(name), reply: reply)
      case .deleteRole(let name): self.carryOut(.deleteRole(name), reply: reply)
      case .putRole(let name):
        let document = try RoleDocument(Array(body.readableBytesView))
        guard document.name == name.bytes else { throw .otherRole }
        self.carryOut(document.change, reply: reply)
      case .putUser(let name):
        let document = try UserDocument(Array(body.readableBytesView))
        guard document.name == name.bytes else { throw .otherUser }
        guard !document.password.contains(0) else { throw .zeroByteInPassword(name) }
        guard !document.password.isEmpty else {
          self.carryOut(document.change(passwordHash: nil), reply: reply)
          return
        }
        self.passwords.async {
          guard let hash = PasswordHash.make(document.password) else {
            reply(.failure(.internalError))
            return
          }
          self.carryOut(document.change(passwordHash: hash), reply: reply)
        }
      }
    } catch {
      reply(.failure(error))
    }
  }

  private func carryOut(_ change: AuthChange, reply: @escaping Reply) {
    self.changes.async {
      let old = self.current
      var new = old
      do throws(AuthError) {
        let outcome = try new.apply(change)
        do {
          try self.database.commit(new, replacing: old)
        } catch {
          self.logger.error(
            "Could not write to disk, a change of users or roles was refused",
            metadata: ["err": "\(error)"])
          throw AuthError.disk("\(error)")
        }
        self.publish(new, replacing: old)
        reply(.success(AuthAnswer(outcome)))
      } catch {
        reply(.failure(error))
      }
    }
  }

  private func publish(_ new: AuthRules, replacing old: AuthRules) {
    self.rules.withLock { $0 = new }
    self.enabled.store(new.isEnabled, ordering: .releasing)
    self.verified.keepOnly(new.users)
    if new.isEnabled != old.isEnabled {
      self.logger.info("Auth was switched \(new.isEnabled ? "on" : "off")")
    }
  }
}

extension KeyName {
  /// For logs; what is no UTF-8 is shown as U+FFFD.
  fileprivate var text: String { String(decoding: self.bytes, as: UTF8.self) }
}
