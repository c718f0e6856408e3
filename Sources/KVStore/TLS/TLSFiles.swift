/// The files for TLS, named like etcd's flags. An empty name means that the flag is not given.
public struct TLSFiles: Equatable, Sendable {
  /// The server's certificate, followed by the chain to the authority that clients trust.
  public var certFile: String
  /// The private key of the server's certificate.
  public var keyFile: String
  /// The authorities of clients' certificates. With it every client must show one, as in etcd.
  public var trustedCAFile: String
  /// Whether a client must show a certificate; it needs ``trustedCAFile``.
  public var clientCertAuth: Bool

  /// Files that are not named are not used.
  public init(
    certFile: String = "", keyFile: String = "", trustedCAFile: String = "",
    clientCertAuth: Bool = false
  ) {
    self.certFile = certFile
    self.keyFile = keyFile
    self.trustedCAFile = trustedCAFile
    self.clientCertAuth = clientCertAuth
  }

  /// Checks the flags against the addresses, before any file is read.
  ///
  /// Source: `embed.configureClientListeners` of etcd. Unlike etcd this refuses `--client-cert-auth` without
  /// `--trusted-ca-file`: it would accept a client certificate from any public CA.
  /// - Returns: warnings.
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
          "\(secure.url) needs TLS: give a certificate with --cert-file and --key-file, or write \(secure.host == nil ? "unix" : "http")://"
        )
      }
      guard !self.clientCertAuth || !self.trustedCAFile.isEmpty else {
        throw .tls(
          "--client-cert-auth is given and --trusted-ca-file is not: name the file of the CA that signs clients' certificates"
        )
      }
    }
    let given = [
      ("--cert-file", !self.certFile.isEmpty), ("--key-file", !self.keyFile.isEmpty),
      ("--trusted-ca-file", !self.trustedCAFile.isEmpty),
      ("--client-cert-auth", self.clientCertAuth),
    ].filter(\.1).map(\.0)
    guard !given.isEmpty else { return [] }
    // Monitoring goes without TLS beside clients with it.
    return addresses.filter { !$0.isSecure && $0.purpose == .clients }.map {
      "The scheme of client url \($0.url) is HTTP: \(given.joined(separator: ", ")) ignored for it"
    }
  }
}
