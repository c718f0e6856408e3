import AsyncHTTPClient
import Glibc
import HTTPEndpoint
import NIOCore
import NIOPosix
import NIOSSL

extension EtcdClientError {
  /// Sorts a failed exchange by one question: can the request have been applied?
  /// - Parameter tls: the files of the connection; the error names them when TLS fails.
  init(failure: any Error, endpoint: EtcdEndpoint, tls: ClientTLS?) {
    if endpoint.isTLS, let reason = Self.tlsReason(for: failure, endpoint: endpoint, tls: tls) {
      self = .unreachable(endpoint: endpoint, reason: reason)
      return
    }
    let reason = Self.reason(for: failure)
    let isCertainlyUnsent =
      switch failure {
      case is NIOConnectionError, is SocketAddressError: true
      case ChannelError.connectTimeout: true
      case let error as HTTPClientError:
        [
          .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout, .alreadyShutdown,
        ].contains(error)
      // Only connect(2) fails so.
      case let error as IOError: error.errnoCode == ECONNREFUSED
      case NIOSSLError.handshakeFailed: true
      default: false
      }
    self =
      isCertainlyUnsent
      ? .unreachable(endpoint: endpoint, reason: reason)
      : .unanswered(endpoint: endpoint, reason: reason)
  }

  /// Why the two sides do not agree on TLS; `nil` when the failure has another reason.
  ///
  /// With TLS 1.3 a server rejects our certificate only after its own handshake, by an alert; until then
  /// it accepts no request.
  private static func tlsReason(
    for failure: any Error, endpoint: EtcdEndpoint, tls: ClientTLS?
  ) -> String? {
    let text = "\(failure)".uppercased()
    func has(_ words: String...) -> Bool { words.contains { text.contains($0) } }
    if let error = failure as? NIOSSLExtraError, error == .failedToValidateHostname {
      return "its certificate is not for the host \(endpoint.host)"
    }
    if has("CERTIFICATE_VERIFY_FAILED") {
      let authority = tls?.authority ?? ClientTLS.Files(flags: "--etcd").authority
      return "its certificate is not signed by \(authority), or is not valid at this time"
    }
    if has("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_HANDSHAKE_FAILURE") {
      return tls?.files.certFile.map { "it rejects the certificate in --etcd-certfile (\($0))" }
        ?? "it requires a client certificate: use --etcd-certfile and --etcd-keyfile"
    }
    if has(
      "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_UNKNOWN",
      "ALERT_CERTIFICATE_REVOKED", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED",
      "ALERT_DECRYPT_ERROR")
    {
      return "it rejects the certificate in --etcd-certfile"
        + (tls?.files.certFile.map { " (\($0))" } ?? "")
    }
    if has("WRONG_VERSION_NUMBER", "HTTP_REQUEST") {
      return "it does not speak TLS: use http:// if it serves plain HTTP"
    }
    return nil
  }

  private static func reason(for failure: any Error) -> String {
    switch failure {
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { Self.reason(for: $0.error) }
        ?? "no address for \(error.host)"
    case ChannelError.connectTimeout: "timed out while connecting"
    case let error as HTTPClientError
    where error == .connectTimeout || error == .tlsHandshakeTimeout:
      "timed out while connecting"
    case let error as HTTPClientError where error == .remoteConnectionClosed:
      "the connection was closed"
    case let error as HTTPClientError where error == .deadlineExceeded: "timed out"
    default: "\(failure)"
    }
  }
}
