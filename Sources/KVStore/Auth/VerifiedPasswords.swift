import Synchronization

/// A cache of each user's last verified password, so that bcrypt does not run for every request.
///
/// It keeps 128 bits of the password: two runs of the standard library's SipHash under random keys of this
/// process. An attacker can look for another password with the same bits only by trying, one request at a
/// time.
final class VerifiedPasswords: Sendable {
  private struct Entry {
    /// The hash that it matched: a new password invalidates the entry.
    let hash: String
    let fingerprint: Fingerprint
  }

  private struct Fingerprint: Equatable {
    let first: Int
    let second: Int
  }

  private let keys = (UInt64.randomPair, UInt64.randomPair)
  private let entries = Mutex<[KeyName: Entry]>([:])

  func contains(_ password: [UInt8], of user: KeyName, hash: String) -> Bool {
    guard let entry = self.entries.withLock({ $0[user] }), entry.hash == hash else { return false }
    return entry.fingerprint == self.fingerprint(of: password)
  }

  func insert(_ password: [UInt8], of user: KeyName, hash: String) {
    let entry = Entry(hash: hash, fingerprint: self.fingerprint(of: password))
    self.entries.withLock { $0[user] = entry }
  }

  /// Forgets deleted users and changed passwords.
  func keepOnly(_ users: [KeyName: AuthUser]) {
    self.entries.withLock { entries in
      entries = entries.filter { users[$0.key]?.passwordHash == $0.value.hash }
    }
  }

  private func fingerprint(of password: [UInt8]) -> Fingerprint {
    func run(_ key: (UInt64, UInt64)) -> Int {
      var hasher = Hasher()
      hasher.combine(key.0)
      hasher.combine(key.1)
      hasher.combine(password)
      return hasher.finalize()
    }
    return Fingerprint(first: run(self.keys.0), second: run(self.keys.1))
  }
}

extension UInt64 {
  fileprivate static var randomPair: (UInt64, UInt64) {
    (.random(in: .min ... .max), .random(in: .min ... .max))
  }
}
