import Dispatch
import Logging
import NIOCore
import Synchronization

/// The shell around ``AuthRules``: the rules as on disk, and a queue of changes.
///
/// The path of a change: a request becomes an ``AuthChange``, which is applied to a copy of the rules, one
/// after the other. One transaction commits the rows that differ. Only then the copy takes effect and the
/// answer leaves; a failed commit drops the copy.
final class AuthStore: Sendable {
  typealias Reply = @Sendable (Result<AuthAnswer, AuthError>) -> Void

  private let database: Database
  private let logger: Logger
  private let rules: Mutex<AuthRules>
  private let enabled: Atomic<Bool>
  private let changes = DispatchQueue(label: "kvstore-auth")
  private let passwords: PasswordChecker

  init(
    _ rules: AuthRules, database: Database, passwords: PasswordChecker, logger: Logger
  ) {
    self.database = database
    self.logger = logger
    self.passwords = passwords
    self.rules = Mutex(rules)
    self.enabled = Atomic(rules.isEnabled)
  }

  /// Whether authentication is on.
  var isEnabled: Bool { self.enabled.load(ordering: .acquiring) }

  private var current: AuthRules { self.rules.withLock { $0 } }

  // MARK: Authentication

  enum Identification {
    case known(Requester)
    /// Has to be checked by ``verify(_:reply:)``.
    case claimed(Claim)
  }

  /// Credentials whose password has not been checked.
  struct Claim: Sendable {
    fileprivate let credentials: BasicCredentials
    fileprivate let hash: String
  }

  /// - Parameters:
  ///   - header: `Authorization`; an empty one counts as none.
  ///   - certificateName: the common name of the client's certificate. Without the header it is the user, if
  ///     there is one of that name. etcd also looks at the names of the authorities that signed it.
  func identify(_ header: String?, certificateName: KeyName? = nil) -> Identification {
    guard let header, !header.isEmpty else {
      guard let certificateName, self.rules.withLock({ $0.users[certificateName] != nil }) else {
        return .known(.guest)
      }
      return .known(.user(certificateName))
    }
    guard let credentials = BasicCredentials(header),
      let hash = self.rules.withLock({ $0.users[credentials.user]?.passwordHash })
    else { return .known(.unknown) }
    if self.passwords.verified.contains(credentials.password, of: credentials.user, hash: hash) {
      return .known(.user(credentials.user))
    }
    return .claimed(Claim(credentials: credentials, hash: hash))
  }

  /// Checks a password. The reply comes on another thread; see ``PasswordQueue`` for when.
  /// - Parameters:
  ///   - address: the client's, without its port.
  ///   - isWanted: whether the connection is still there.
  func verify(
    _ claim: Claim, address: String = "", isWanted: @escaping @Sendable () -> Bool = { true },
    reply: @escaping @Sendable (Requester) -> Void
  ) {
    let (user, hash) = (claim.credentials.user, claim.hash)
    self.passwords.check(
      claim.credentials.password, of: user, hash: hash, address: address, isWanted: isWanted
    ) { isRight in
      // The password may have changed meanwhile.
      let isCurrent = self.rules.withLock { $0.users[user]?.passwordHash == hash }
      reply(isRight && isCurrent ? .user(user) : .unknown)
    }
  }

  // MARK: Permissions

  func allows(
    _ requester: Requester, _ action: AuthRules.Action, rawPath: ArraySlice<UInt8>,
    isRecursive: Bool
  ) -> Bool {
    self.current.allows(requester, action, rawPath: rawPath, isRecursive: isRecursive)
  }

  func isRoot(_ requester: Requester) -> Bool { self.current.isRoot(requester) }

  // MARK: Requests

  /// Answers a request to `/v2/auth`, at once or on another thread.
  /// - Parameter query: etcd parses it for a list.
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
        self.passwords.make(document.password) { hash in
          guard let hash else {
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
    self.passwords.verified.keepOnly(new.users)
    if new.isEnabled != old.isEnabled {
      self.logger.info("Auth was switched \(new.isEnabled ? "on" : "off")")
    }
  }
}
