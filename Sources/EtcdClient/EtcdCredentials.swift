import FoundationEssentials
import Glibc
import Synchronization

/// A user of etcd and the file with the password. When etcd rejects the password, the client reads the
/// file again, in case it has changed on both sides.
public final class EtcdCredentials: Sendable {
  public let username: String
  public let passwordFile: String
  private let password: Mutex<String>
  /// The v3 API's token: `nil` before the first one and after etcd rejected one; empty while etcd has no
  /// authentication.
  private let token = Mutex<String?>(nil)

  /// - Throws: ``EtcdCredentialsError`` that names the file.
  public init(username: String, passwordFile: String) throws(EtcdCredentialsError) {
    self.username = username
    self.passwordFile = passwordFile
    self.password = Mutex(try Self.read(passwordFile))
  }

  /// Whether others than the file's owner may read the password.
  public var isReadableByOthers: Bool {
    var status = stat()
    return stat(self.passwordFile, &status) == 0 && status.st_mode & 0o077 != 0
  }

  /// The value of v2's `Authorization`.
  var basic: String {
    let text = "\(self.username):\(self.password.withLock { $0 })"
    return "Basic " + Data(text.utf8).base64EncodedString()
  }

  /// Reads the file again.
  /// - Returns: whether the password has changed.
  func reread() -> Bool {
    guard let fresh = try? Self.read(self.passwordFile) else { return false }
    return self.password.withLock { password in
      defer { password = fresh }
      return password != fresh
    }
  }

  var currentPassword: String { self.password.withLock { $0 } }

  var currentToken: String? { self.token.withLock { $0 } }
  func keep(token: String) { self.token.withLock { $0 = token } }
  /// Keeps a newer one.
  func forget(token: String?) { self.token.withLock { if $0 == token { $0 = nil } } }

  /// Without one newline at the end, which every editor writes.
  private static func read(_ path: String) throws(EtcdCredentialsError) -> String {
    guard access(path, R_OK) == 0 else { throw .unreadable(path, errno) }
    guard let data = FileManager.default.contents(atPath: path),
      var text = String(data: data, encoding: .utf8)
    else { throw .noText(path) }
    if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
    guard !text.isEmpty else { throw .empty(path) }
    return text
  }
}

/// Why the password cannot be read.
public enum EtcdCredentialsError: Error, Equatable, Sendable, CustomStringConvertible {
  case unreadable(String, Int32)
  case noText(String)
  case empty(String)

  public var description: String {
    switch self {
    case .unreadable(let path, let errno):
      "--etcd-password-file: cannot read \(path): \(String(cString: strerror(errno)))"
    case .noText(let path): "--etcd-password-file: \(path) is not text in UTF-8"
    case .empty(let path): "--etcd-password-file: \(path) is empty"
    }
  }
}
