import Foundation

/// Signs certificates for a test, by the `openssl` command.
public struct TestAuthority: Sendable {
  public enum Purpose: String, Sendable {
    case server = "serverAuth"
    case client = "clientAuth"
    /// etcd's gateway is a client of its own server.
    case both = "serverAuth,clientAuth"
  }

  /// A certificate and its key, in PEM form.
  public struct Issued: Sendable {
    public let certificate: String
    public let key: String
  }

  /// `openssl`, if it is installed.
  public static let program = RealEtcd.path(of: "openssl")

  private let issued: Issued

  /// Its own certificate, in PEM form.
  public var certificate: String { self.issued.certificate }
  public var key: String { self.issued.key }

  public init(_ name: String) throws {
    self.issued = try Self.run(
      "\(Self.request(name)) -x509 -days 2 -addext basicConstraints=critical,CA:TRUE -out new.crt")
  }

  /// - Parameter hosts: as in openssl's `subjectAltName`.
  public func issue(
    _ purpose: Purpose, name: String = "test", hosts: String = "IP:127.0.0.1,DNS:localhost",
    isExpired: Bool = false
  ) throws -> Issued {
    try Self.run(
      """
      \(Self.request(name)) -out new.csr -addext basicConstraints=critical,CA:FALSE \
      -addext subjectAltName=\(hosts) -addext extendedKeyUsage=\(purpose.rawValue) && \
      "$0" x509 -req -in new.csr -CA ca.crt -CAkey ca.key -days \(isExpired ? -1 : 2) \
      -copy_extensions copyall -out new.crt
      """, by: self.issued)
  }

  private static func request(_ name: String) -> String {
    """
    "$0" req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=\(name)" -keyout new.key
    """
  }

  /// Runs a script that makes `new.crt` and `new.key`, with `ca.crt` and `ca.key` beside it.
  private static func run(_ script: String, by authority: Issued? = nil) throws -> Issued {
    guard let program else { throw TestFailure("there is no openssl") }
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "certificate-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    func file(_ name: String) -> URL { directory.appending(path: name) }
    if let authority {
      try Data(authority.certificate.utf8).write(to: file("ca.crt"))
      try Data(authority.key.utf8).write(to: file("ca.key"))
    }
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.currentDirectoryURL = directory
    // The shell prints the exit code: Foundation may notice the end late.
    process.arguments = ["-c", "\(script); echo \"exit $?\"", program]
    let output = Pipe()
    process.standardError = output
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    guard text.hasSuffix("exit 0\n") else { throw TestFailure("openssl: \(text)") }
    return Issued(
      certificate: try String(contentsOf: file("new.crt"), encoding: .utf8),
      key: try String(contentsOf: file("new.key"), encoding: .utf8))
  }
}

/// Files of certificates for a test, of two authorities that do not know each other.
public struct Certificates: Sendable {
  private let files: TemporaryFiles

  /// As PEM: `ca`, `other-ca`; `server` for 127.0.0.1, `elsewhere` for another host, `client`; and
  /// `other-client`, signed by the other authority.
  public func certificate(_ name: String) -> String { self.files.path("\(name).crt") }
  public func key(_ name: String) -> String { self.files.path("\(name).key") }

  public init(in files: TemporaryFiles) throws {
    self.files = files
    let (ca, other) = (try TestAuthority("ca"), try TestAuthority("other-ca"))
    try self.write(.init(certificate: ca.certificate, key: ca.key), as: "ca")
    try self.write(.init(certificate: other.certificate, key: other.key), as: "other-ca")
    try self.write(ca.issue(.both, name: "server"), as: "server")
    try self.write(ca.issue(.both, name: "elsewhere", hosts: "DNS:etcd.example"), as: "elsewhere")
    try self.write(ca.issue(.both, name: "client", hosts: "DNS:client"), as: "client")
    try self.write(
      other.issue(.both, name: "other-client", hosts: "DNS:client"), as: "other-client")
  }

  private func write(_ issued: TestAuthority.Issued, as name: String) throws {
    try self.files.write(issued.certificate, to: "\(name).crt")
    try self.files.write(issued.key, to: "\(name).key")
  }
}
