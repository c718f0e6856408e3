import CCrypt
import Glibc

/// Hashes passwords with bcrypt, like etcd.
///
/// Each call takes tens of milliseconds, on purpose: none belongs on an event loop.
enum PasswordHash {
  /// The logarithm of bcrypt's rounds to base 2; Go's and etcd's default.
  static let cost: UInt = 10

  /// bcrypt ignores the bytes beyond; libcrypt refuses much longer passwords.
  private static let significantLength = 72

  /// - Returns: a text with the cost, the salt and the hash; `nil` when the system lacks random numbers or
  ///   memory.
  /// - Precondition: the password has no zero byte.
  static func make(_ password: [UInt8]) -> String? {
    precondition(!password.contains(0), "a zero byte would end the password")
    guard let setting = crypt_gensalt_ra("$2b$", self.cost, nil, 0) else { return nil }
    defer { free(setting) }
    return self.crypt(password, setting: String(cString: setting))
  }

  static func isRight(_ password: [UInt8], for hash: String) -> Bool {
    guard !password.contains(0), let found = self.crypt(password, setting: hash) else {
      return false
    }
    // In constant time.
    guard found.utf8.count == hash.utf8.count else { return false }
    var difference: UInt8 = 0
    for (a, b) in zip(found.utf8, hash.utf8) { difference |= a ^ b }
    return difference == 0
  }

  private static func crypt(_ password: [UInt8], setting: String) -> String? {
    var phrase = password.prefix(self.significantLength).map(CChar.init(bitPattern:)) + [0]
    var workspace: UnsafeMutableRawPointer?
    var size: Int32 = 0
    defer {
      free(workspace)
      explicit_bzero(&phrase, phrase.count)
    }
    return crypt_ra(phrase, setting, &workspace, &size).map { String(cString: $0) }
  }
}
