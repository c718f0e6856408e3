import FoundationEssentials
import HTTPEndpoint

/// The messages of etcd's v3 API that a leased key needs, in the gateway's JSON, which omits what is zero,
/// false or empty.
///
/// Source: etcd's `rpc.proto`, `kv.proto` and the documentation of its gRPC gateway.
enum Gateway {
  struct Header: Decodable, Sendable {
    var cluster_id: Quoted<UInt64>?
    var revision: Quoted<UInt64>?
    var raft_term: Quoted<UInt64>?

    var position: StorePosition {
      StorePosition(clusterID: self.cluster_id?.value, index: self.revision?.value ?? 0)
    }
  }

  struct KeyValue: Decodable, Sendable {
    var value: Data?
    var create_revision: Quoted<UInt64>?
    var mod_revision: Quoted<UInt64>?
    var lease: Quoted<Int64>?

    var holder: Holder {
      Holder(
        name: String(decoding: self.value ?? Data(), as: UTF8.self),
        term: self.create_revision?.value ?? 0, modifiedIndex: self.mod_revision?.value ?? 0)
    }
  }

  struct LeaseLookReply: Decodable, Sendable {
    var header: Header
    /// What is left; missing or negative for a lease that has ended.
    var TTL: Quoted<Int64>?
  }

  struct RangeRequest: Encodable, Sendable {
    var key: Data
  }

  struct RangeReply: Decodable, Sendable {
    var header: Header
    var kvs: [KeyValue]?
  }

  struct LeaseRequest: Encodable, Sendable {
    var ID: Quoted<Int64>
    var TTL: Quoted<Int64>?
  }

  struct LeaseReply: Decodable, Sendable {
    var header: Header
    /// The TTL that the server grants; missing for a lease that does not exist.
    var TTL: Quoted<Int64>?
  }

  struct TxnRequest: Encodable, Sendable {
    struct Compare: Encodable, Sendable {
      var key: Data
      var target: String
      var result = "EQUAL"
      var create_revision: Quoted<UInt64>?
      var mod_revision: Quoted<UInt64>?
    }
    struct Put: Encodable, Sendable {
      var key: Data
      var value: Data
      var lease: Quoted<Int64>?
    }
    struct Operation: Encodable, Sendable {
      var request_range: RangeRequest?
      var request_put: Put?
      var request_delete_range: RangeRequest?
    }
    var compare: [Compare]
    var success: [Operation]
    var failure: [Operation]
  }

  struct TxnReply: Decodable, Sendable {
    struct Response: Decodable, Sendable {
      struct Range: Decodable, Sendable { var kvs: [KeyValue]? }
      var response_range: Range?
    }
    var header: Header
    var succeeded: Bool?
    var responses: [Response]?

    /// The key that its range found.
    var found: KeyValue? { self.responses?.lazy.compactMap { $0.response_range?.kvs?.first }.first }
  }

  struct AuthenticateRequest: Encodable, Sendable {
    var name: String
    var password: String
  }

  struct AuthenticateReply: Decodable, Sendable {
    var token: String
  }

  struct WatchRequest: Encodable, Sendable {
    struct Create: Encodable, Sendable {
      var key: Data
      var start_revision: Quoted<UInt64>
    }
    var create_request: Create
  }

  struct WatchReply: Decodable, Sendable {
    struct Event: Decodable, Sendable {
      var type: String?
      var kv: KeyValue
    }
    var canceled: Bool?
    var cancel_reason: String?
    var compact_revision: Quoted<UInt64>?
    var events: [Event]?
  }

  /// One message of a stream.
  struct StreamReply<Reply: Decodable & Sendable>: Decodable, Sendable {
    var result: Reply?
    var error: Failure?
  }

  /// An error, in a stream or as an answer; its fields differ between the two and between versions.
  struct Failure: Decodable, Sendable {
    var code: Int?
    var grpc_code: Int?
    var message: String?
    var error: String?

    var meaning: EtcdGatewayError {
      EtcdGatewayError(
        code: self.grpc_code ?? self.code ?? GRPCCode.unknown,
        message: self.message ?? self.error ?? "an error without a message")
    }
  }
}

/// An integer as the gateway writes it: as text, since JavaScript's numbers have 53 bits.
struct Quoted<Number: FixedWidthInteger & Codable & Sendable>: Codable, Hashable, Sendable {
  var value: Number

  init(_ value: Number) { self.value = value }

  init(from decoder: any Decoder) throws {
    let field = try decoder.singleValueContainer()
    if let text = try? field.decode(String.self) {
      guard let value = Number(text) else {
        throw DecodingError.dataCorruptedError(
          in: field, debugDescription: "\(text) is not a number")
      }
      self.value = value
    } else {
      self.value = try field.decode(Number.self)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var field = encoder.singleValueContainer()
    try field.encode("\(self.value)")
  }
}

/// Source: gRPC, `codes`.
enum GRPCCode {
  static let cancelled = 1
  static let unknown = 2
  static let deadlineExceeded = 4
  static let notFound = 5
  static let permissionDenied = 7
  static let aborted = 10
  static let internalError = 13
  static let unavailable = 14
  static let dataLoss = 15
  static let unauthenticated = 16
}

extension EtcdGatewayError {
  /// Whether another token may help: this one is unknown or missing, or older than the last change of users
  /// or roles.
  var isAboutTheToken: Bool {
    self.code == GRPCCode.unauthenticated
      || self.message.contains("revision in header is old")
      || self.message.contains("revision of auth store is old")
      || self.message.contains("user name is empty")
  }

  /// Its meaning for a request.
  func clientError(from endpoint: EtcdEndpoint) -> EtcdClientError {
    if self.isAboutTheToken || self.message.contains("authentication failed")
      || self.code == GRPCCode.permissionDenied
    {
      // The gateway connects with etcd's own certificate, so it counts no CN.
      let advice =
        self.message.contains("user name is empty")
        ? "; a certificate's CN is no user in v3: use --etcd-username" : ""
      return .denied(endpoint: endpoint, reason: self.message + advice)
    }
    if self.message.contains("authentication handshake failed") {
      return .unreachable(
        endpoint: endpoint,
        reason:
          "its gateway cannot connect to itself, as with --client-cert-auth and a server certificate "
          + "without client auth: \(self.message)")
    }
    switch self.code {
    // No leader, no answer from it in time, a member that stops: the cluster may still agree on it.
    case GRPCCode.cancelled, GRPCCode.unknown, GRPCCode.deadlineExceeded, GRPCCode.aborted,
      GRPCCode.internalError, GRPCCode.unavailable, GRPCCode.dataLoss:
      return .unanswered(endpoint: endpoint, reason: self.message)
    default: return .declined(self)
    }
  }
}
