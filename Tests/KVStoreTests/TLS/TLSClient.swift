import AsyncHTTPClient
import Foundation
import NIOSSL
import TestSupport

@testable import KVStore

/// Writes the files for the flags into a directory.
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
