/// The files that make connections safe, named as etcd's flags name them; an empty name is one that was
/// not given.
public struct TLSFiles: Equatable, Sendable {
  /// The server's certificate, and after it those that lead from it to the one that clients trust.
  public var certFile: String
  /// The private key of the first of them.
  public var keyFile: String
  /// The certificates by which clients' certificates are judged. Naming it asks for one from every client,
  /// as in etcd.
  public var trustedCAFile: String
  /// Whether a client has to show a certificate.
  public var clientCertAuth: Bool

  public init(
    certFile: String = "", keyFile: String = "", trustedCAFile: String = "",
    clientCertAuth: Bool = false
  ) {
    self.certFile = certFile
    self.keyFile = keyFile
    self.trustedCAFile = trustedCAFile
    self.clientCertAuth = clientCertAuth
  }

  /// Looks whether the files that are named fit the addresses, before any is read.
  ///
  /// Source: `embed.configureClientListeners` of etcd. Unlike there, `--client-cert-auth` without a file of
  /// trusted certificates is refused: it would let in whom any of the system's hundred authorities knows.
  /// - Returns: what is worth a warning.
  /// - Throws: ``StartError/tls(_:)``.
  func check(for addresses: [ListenAddress]) throws(StartError) -> [String] {
    switch (self.certFile.isEmpty, self.keyFile.isEmpty) {
    case (false, true): throw .tls("--cert-file is given and --key-file is not: give both")
    case (true, false): throw .tls("--key-file is given and --cert-file is not: give both")
    case (true, true), (false, false): break
    }
    if let secure = addresses.first(where: \.isSecure) {
      guard !self.certFile.isEmpty else {
        throw .tls(
          "\(secure.url(port: secure.port)) is to be listened on with TLS: give its certificate with --cert-file and --key-file, or write http://"
        )
      }
      guard !self.clientCertAuth || !self.trustedCAFile.isEmpty else {
        throw .tls(
          "--client-cert-auth is given and --trusted-ca-file is not: name the file with the certificates that clients' certificates are signed with"
        )
      }
    }
    let given = [
      ("--cert-file", !self.certFile.isEmpty), ("--key-file", !self.keyFile.isEmpty),
      ("--trusted-ca-file", !self.trustedCAFile.isEmpty),
      ("--client-cert-auth", self.clientCertAuth),
    ].filter(\.1).map(\.0)
    guard !given.isEmpty else { return [] }
    return addresses.filter { !$0.isSecure }.map {
      "The scheme of client url \($0.url(port: $0.port)) is HTTP: \(given.joined(separator: ", ")) ignored for it"
    }
  }
}
