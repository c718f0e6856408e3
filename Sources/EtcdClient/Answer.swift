import AsyncHTTPClient
import FoundationEssentials
import Glibc
import HTTPEndpoint
import JSONText
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// An HTTP answer, read to its end.
struct Answer: Sendable {
  /// More than etcd lets anybody write in one request, and enough for a directory of small keys.
  static let maximumBytes = 64 << 20

  var status: Int
  var headers: HTTPHeaders
  var body: ByteBuffer

  /// What a keys request came to, by status and body.
  func keysResponse(from endpoint: EtcdEndpoint) throws(EtcdClientError) -> KeysResponse {
    let clusterID = self.headers.first(name: "X-Etcd-Cluster-ID").flatMap { UInt64($0, radix: 16) }
    switch self.status {
    case 200, 201:
      // So does etcd end its watches when it stops.
      if self.body.readableBytes == 0 {
        throw .unanswered(endpoint: endpoint, reason: "the server closed the request")
      }
      guard let index = self.headers.first(name: "X-Etcd-Index").flatMap({ UInt64($0) }) else {
        throw .malformed(endpoint: endpoint, reason: "no X-Etcd-Index")
      }
      do throws(JSONError) {
        let event = try KeysResponse.Event(parsing: Array(self.body.readableBytesView))
        return KeysResponse(
          action: event.action, node: event.node, prevNode: event.prevNode, etcdIndex: index,
          clusterID: clusterID)
      } catch {
        throw .malformed(
          endpoint: endpoint,
          reason: "not the JSON of an event: \(error): \(Self.excerpt(self.body))")
      }
    default:
      guard var error = self.decoded(EtcdError.self) else {
        throw self.failure(from: endpoint, api: .v2)
      }
      error.clusterID = clusterID
      throw EtcdClientError(error, from: endpoint)
    }
  }

  /// What an answer means whose body is no error of the API.
  func failure(from endpoint: EtcdEndpoint, api: EtcdAPI) -> EtcdClientError {
    struct Message: Decodable { var message: String }
    switch self.status {
    case 401, 403:
      return .denied(
        endpoint: endpoint, reason: self.decoded(Message.self)?.message ?? Self.excerpt(self.body))
    // Go's mux, where nothing is registered.
    case 404 where Self.excerpt(self.body).hasPrefix("404 page not found"):
      return .apiMissing(endpoint: endpoint, api)
    default:
      return .malformed(
        endpoint: endpoint, reason: "status \(self.status): \(Self.excerpt(self.body))")
    }
  }

  /// The body as JSON; `nil` when it is something else.
  func decoded<Value: Decodable>(_ type: Value.Type) -> Value? {
    try? JSONDecoder().decode(type, from: Data(self.body.readableBytesView))
  }

  static func decode<Value: Decodable>(
    _ type: Value.Type, from body: ByteBuffer, endpoint: EtcdEndpoint
  ) throws(EtcdClientError) -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    } catch {
      throw .malformed(
        endpoint: endpoint, reason: "not the JSON of a \(type): \(Self.excerpt(body))")
    }
  }

  private static func excerpt(_ body: ByteBuffer) -> String {
    let text = String(decoding: body.readableBytesView.prefix(120), as: UTF8.self)
    return text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}

extension EtcdClientError {
  /// Sorts a failed exchange by the one question that matters: can the request have been applied?
  /// - Parameter tls: what the connection was made with; it is named when the two sides did not agree.
  init(failure: any Error, endpoint: EtcdEndpoint, tls: ClientTLS?) {
    if endpoint.isTLS, let reason = Self.distrust(in: failure, endpoint: endpoint, tls: tls) {
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
      // Nothing but connect(2) says this.
      case let error as IOError: error.errnoCode == ECONNREFUSED
      case NIOSSLError.handshakeFailed: true
      default: false
      }
    self =
      isCertainlyUnsent
      ? .unreachable(endpoint: endpoint, reason: reason)
      : .unanswered(endpoint: endpoint, reason: reason)
  }

  /// Why one side does not trust the other; `nil` when it was something else.
  ///
  /// With TLS 1.3 a server tells only after its own handshake that it does not like our certificate, by
  /// an alert; until then it takes no request.
  private static func distrust(
    in failure: any Error, endpoint: EtcdEndpoint, tls: ClientTLS?
  ) -> String? {
    let text = "\(failure)".uppercased()
    func has(_ words: String...) -> Bool { words.contains { text.contains($0) } }
    if let error = failure as? NIOSSLExtraError, error == .failedToValidateHostname {
      return "its certificate is not for the host \(endpoint.host)"
    }
    if has("CERTIFICATE_VERIFY_FAILED") {
      return """
        its certificate is not signed by \(tls?.trust ?? ClientTLS.systemTrust(flags: "--etcd")), or is not valid \
        at this time
        """
    }
    if has("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_HANDSHAKE_FAILURE") {
      return tls?.files.certFile.map {
        "it does not take the certificate in --etcd-certfile (\($0))"
      }
        ?? "it asks for a client certificate: give it with --etcd-certfile and --etcd-keyfile"
    }
    if has(
      "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_UNKNOWN",
      "ALERT_CERTIFICATE_REVOKED", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED",
      "ALERT_DECRYPT_ERROR")
    {
      return "it does not take the certificate in --etcd-certfile"
        + (tls?.files.certFile.map { " (\($0))" } ?? "")
    }
    if has("WRONG_VERSION_NUMBER", "HTTP_REQUEST") {
      return "it does not speak TLS: is it http:// there?"
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
