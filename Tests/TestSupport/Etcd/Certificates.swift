import Foundation

/// Certificates for a test: two authorities that know nothing of each other, and what they have signed.
public struct Certificates: Sendable {
  /// `openssl`, if it is installed.
  public static let program = RealEtcd.path(of: "openssl")

  private let files: TemporaryFiles

  /// As PEM: `ca`, `other-ca`; `server` for 127.0.0.1, `elsewhere` for another host, `client`; and
  /// `other-client`, signed by the other authority.
  public func certificate(_ name: String) -> String { self.files.path("\(name).crt") }
  public func key(_ name: String) -> String { self.files.path("\(name).key") }

  public init(in files: TemporaryFiles) throws {
    self.files = files
    for authority in ["ca", "other-ca"] {
      try self.make(
        authority, request: ["-x509", "-addext", "basicConstraints=critical,CA:TRUE"])
    }
    try self.sign("server", by: "ca", hosts: "IP:127.0.0.1,DNS:localhost")
    try self.sign("elsewhere", by: "ca", hosts: "DNS:etcd.example")
    try self.sign("client", by: "ca", hosts: "DNS:client")
    try self.sign("other-client", by: "other-ca", hosts: "DNS:client")
  }

  private func make(_ name: String, request: [String]) throws {
    try Self.openssl(
      [
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=\(name)", "-keyout", self.key(name), "-out", self.certificate(name),
      ] + request)
  }

  /// etcd's gateway is a client of its own server, hence both usages.
  private func sign(_ name: String, by authority: String, hosts: String) throws {
    try self.make(
      name,
      request: [
        "-x509", "-CA", self.certificate(authority), "-CAkey", self.key(authority),
        "-addext", "subjectAltName=\(hosts)", "-addext", "basicConstraints=critical,CA:FALSE",
        "-addext", "extendedKeyUsage=serverAuth,clientAuth",
      ])
  }

  private static func openssl(_ arguments: [String]) throws {
    guard let program else { throw TestFailure("there is no openssl") }
    let process = Process()
    // The shell tells the exit code: Foundation may take long to learn of the end.
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", #""$0" "$@"; echo "exit $?""#, program] + arguments
    let output = Pipe()
    process.standardError = output
    process.standardOutput = output
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    guard text.hasSuffix("exit 0\n") else { throw TestFailure("openssl: \(text)") }
  }
}
