import ArgumentParser
import HTTPEndpoint

/// The TLS flags of a server, named as in Kubernetes' programs.
package struct ServerTLSOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Certificate of the HTTPS port, PEM. Without it the server has no HTTPS.", valueName: "file"))
  var tlsCertFile: String?

  @Option(help: ArgumentHelp("Private key of that certificate, PEM.", valueName: "file"))
  var tlsPrivateKeyFile: String?

  @Option(
    help: ArgumentHelp(
      """
      CA certificates for clients, PEM: the HTTPS port then accepts only clients with a certificate signed \
      by one of them.
      """, valueName: "file"))
  var clientCaFile: String?

  package init() {}

  package func validate() throws {
    if (self.tlsCertFile == nil) != (self.tlsPrivateKeyFile == nil) {
      throw ValidationError("--tls-cert-file and --tls-private-key-file need each other")
    }
    if self.clientCaFile != nil, self.tlsCertFile == nil {
      throw ValidationError("--client-ca-file needs --tls-cert-file")
    }
  }

  /// `nil` without a certificate.
  package var tls: ServerTLS? {
    guard let certificate = self.tlsCertFile, let key = self.tlsPrivateKeyFile else { return nil }
    return ServerTLS(
      certificateFile: certificate, keyFile: key, clientAuthorityFile: self.clientCaFile)
  }
}
