import AsyncHTTPClient
import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP answer, read to its end.
struct Answer: Sendable {
  /// More than etcd lets anybody write in one request, and enough for a directory of small keys.
  static let maximumBytes = 64 << 20

  var status: Int
  var headers: HTTPHeaders
  var body: ByteBuffer

  private struct Event: Decodable {
    var action: String
    var node: Node
    var prevNode: Node?
  }

  /// What a keys request came to, by status and body.
  func keysResponse(from endpoint: EtcdEndpoint) throws(EtcdClientError) -> KeysResponse {
    switch self.status {
    case 200, 201:
      // So does etcd end its watches when it stops.
      if self.body.readableBytes == 0 {
        throw .unanswered(endpoint: endpoint, reason: "the server closed the request")
      }
      guard let index = self.headers.first(name: "X-Etcd-Index").flatMap({ UInt64($0) }) else {
        throw .malformed(endpoint: endpoint, reason: "no X-Etcd-Index")
      }
      let event = try Self.decode(Event.self, from: self.body, endpoint: endpoint)
      return KeysResponse(
        action: event.action, node: event.node, prevNode: event.prevNode, etcdIndex: index)
    default:
      guard
        let error = try? JSONDecoder().decode(
          EtcdError.self, from: Data(self.body.readableBytesView))
      else {
        throw .malformed(
          endpoint: endpoint, reason: "status \(self.status): \(Self.excerpt(self.body))")
      }
      // 300 to 399 come from the consensus below the store (no leader, timed out while it was being
      // agreed on): the write may still come through. 400 ends a watch of a slow reader.
      if (300...400).contains(error.errorCode) {
        throw .unanswered(endpoint: endpoint, reason: error.description)
      }
      throw .refused(error)
    }
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
  init(failure: any Error, endpoint: EtcdEndpoint) {
    let reason = Self.reason(for: failure)
    let isCertainlyUnsent =
      switch failure {
      case is NIOConnectionError, is SocketAddressError: true
      case ChannelError.connectTimeout: true
      case let error as HTTPClientError:
        [.connectTimeout, .getConnectionFromPoolTimeout, .alreadyShutdown].contains(error)
      // Nothing but connect(2) says this.
      case let error as IOError: error.errnoCode == ECONNREFUSED
      default: false
      }
    self =
      isCertainlyUnsent
      ? .unreachable(endpoint: endpoint, reason: reason)
      : .unanswered(endpoint: endpoint, reason: reason)
  }

  private static func reason(for failure: any Error) -> String {
    switch failure {
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { Self.reason(for: $0.error) }
        ?? "no address for \(error.host)"
    case ChannelError.connectTimeout: "timed out while connecting"
    case let error as HTTPClientError where error == .connectTimeout: "timed out while connecting"
    case let error as HTTPClientError where error == .remoteConnectionClosed:
      "the connection was closed"
    default: "\(failure)"
    }
  }
}
