import Glibc

/// Why files cannot make a TLS connection.
public enum ClientTLSError: Error, Equatable, Sendable, CustomStringConvertible {
  case unreadable(flag: String, path: String, errno: Int32)
  case noCertificate(flag: String, path: String)
  case noKey(flag: String, path: String)
  /// - `cert`, `key`: each with its flag.
  case keyOfAnother(cert: String, key: String)
  case halfAPair(given: String, missing: String)

  public var description: String {
    switch self {
    case .unreadable(let flag, let path, let errno):
      "\(flag): cannot read \(path): \(String(cString: strerror(errno)))"
    case .noCertificate(let flag, let path): "\(flag): \(path) holds no PEM certificate"
    case .noKey(let flag, let path):
      "\(flag): \(path) holds no PEM private key without a passphrase"
    case .keyOfAnother(let cert, let key):
      "the key in \(key) does not belong to the certificate in \(cert)"
    case .halfAPair(let given, let missing): "\(given) needs \(missing)"
    }
  }
}
