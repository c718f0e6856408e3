import CCrypt
import Glibc

/// How passwords are kept: by bcrypt, as etcd keeps them, and never as they are.
///
/// Each call takes tens of milliseconds, on purpose: none belongs on an event loop.
enum PasswordHash {
  /// 2 to the power of this is how often bcrypt goes round; Go's default, and so etcd's.
  static let cost: UInt = 10

  /// bcrypt looks at no more than this; libcrypt refuses what is much longer.
  private static let significantLength = 72

  /// - Returns: a text with the salt, the cost and the hash in it; `nil` when the system has no random
  ///   numbers or no memory.
  /// - Precondition: there is no zero byte in the password.
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
    // In the same time wherever they differ.
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
