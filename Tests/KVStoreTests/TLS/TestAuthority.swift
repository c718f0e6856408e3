import AsyncHTTPClient
import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

@testable import KVStore

/// Signs certificates, for one test.
struct TestAuthority {
  enum Purpose {
    case server, client
  }

  /// A certificate and its key, in PEM form.
  struct Issued: Sendable {
    let certificate: String
    let key: String
  }

  private let name: DistinguishedName
  private let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
  /// Its own certificate, in PEM form.
  let certificate: String

  init(_ name: String) throws {
    self.name = try DistinguishedName { CommonName(name) }
    self.certificate = try Self.sign(
      self.name, self.key.publicKey, by: self.name, self.key, until: .now + 3600,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        Critical(KeyUsage(keyCertSign: true))
      })
  }

  /// For `127.0.0.1` and `localhost`.
  func issue(_ purpose: Purpose, until: Date = .now + 3600) throws -> Issued {
    let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let certificate = try Self.sign(
      try DistinguishedName { CommonName("\(purpose)") }, key.publicKey, by: self.name, self.key,
      until: until,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        try ExtendedKeyUsage([purpose == .server ? .serverAuth : .clientAuth])
        SubjectAlternativeNames([
          .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
        ])
      })
    return Issued(certificate: certificate, key: try key.serializeAsPEM().pemString)
  }

  private static func sign(
    _ subject: DistinguishedName, _ key: Certificate.PublicKey, by issuer: DistinguishedName,
    _ issuerKey: Certificate.PrivateKey, until end: Date, extensions: Certificate.Extensions
  ) throws -> String {
    try Certificate(
      version: .v3, serialNumber: .init(), publicKey: key, notValidBefore: end - 7200,
      notValidAfter: end, issuer: issuer, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: extensions, issuerPrivateKey: issuerKey
    ).serializeAsPEM().pemString
  }
}

/// Writes what the flags name into a directory.
func writeFiles(
  _ issued: TestAuthority.Issued, trusting authority: TestAuthority? = nil, in directory: String
) throws -> TLSFiles {
  var files = TLSFiles(certFile: directory + "/cert.pem", keyFile: directory + "/key.pem")
  try Data(issued.certificate.utf8).write(to: URL(filePath: files.certFile))
  try Data(issued.key.utf8).write(to: URL(filePath: files.keyFile))
  if let authority {
    files.trustedCAFile = directory + "/ca.pem"
    files.clientCertAuth = true
    try Data(authority.certificate.utf8).write(to: URL(filePath: files.trustedCAFile))
  }
  return files
}

/// A client that trusts one authority, and shows a certificate if it has one.
func withTLSClient(
  of base: String, trusting authority: TestAuthority, showing issued: TestAuthority.Issued? = nil,
  isolation: isolated (any Actor)? = #isolation, _ body: (TestClient) async throws -> Void
) async throws {
  var tls = TLSConfiguration.makeClientConfiguration()
  tls.trustRoots = .certificates(
    try NIOSSLCertificate.fromPEMBytes(Array(authority.certificate.utf8)))
  if let issued {
    tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(issued.certificate.utf8))
      .map { .certificate($0) }
    tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(issued.key.utf8), format: .pem))
  }
  let client = HTTPClient(
    eventLoopGroup: .singletonMultiThreadedEventLoopGroup,
    configuration: HTTPClient.Configuration(tlsConfiguration: tls))
  do {
    try await body(TestClient(base: base, http: client))
    try await client.shutdown()
  } catch {
    try await client.shutdown()
    throw error
  }
}
