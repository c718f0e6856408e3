import FoundationEssentials
import HTTPEndpoint

/// The messages of etcd's v3 API that a leased key needs, in the gateway's JSON, which omits what is zero,
/// false or empty.
///
/// Source: etcd's `rpc.proto`, `kv.proto` and the documentation of its gRPC gateway.
package enum Gateway {
  package struct Header: Decodable, Sendable {
    package var cluster_id: Quoted<UInt64>?
    package var revision: Quoted<UInt64>?
    package var raft_term: Quoted<UInt64>?

    package init(revision: UInt64, raftTerm: UInt64) {
      self.revision = Quoted(revision)
      self.raft_term = Quoted(raftTerm)
    }

    var position: StorePosition {
      StorePosition(clusterID: self.cluster_id?.value, index: self.revision?.value ?? 0)
    }
  }

  package struct KeyValue: Decodable, Sendable {
    package var value: Data?
    package var create_revision: Quoted<UInt64>?
    package var mod_revision: Quoted<UInt64>?
    package var lease: Quoted<Int64>?

    package init(
      value: Data = Data(), createRevision: UInt64 = 0, modRevision: UInt64, lease: Int64 = 0
    ) {
      self.value = value
      self.create_revision = Quoted(createRevision)
      self.mod_revision = Quoted(modRevision)
      self.lease = Quoted(lease)
    }

    package var holder: Holder {
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

  package struct RangeRequest: Encodable, Sendable {
    package var key: Data
  }

  package struct RangeReply: Decodable, Sendable {
    package var header: Header
    package var kvs: [KeyValue]?

    package init(_ header: Header, _ pairs: [KeyValue]) {
      self.header = header
      self.kvs = pairs
    }
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

  package struct TxnRequest: Encodable, Sendable {
    package struct Compare: Encodable, Sendable {
      package var key: Data
      package var target: String
      package var result = "EQUAL"
      package var create_revision: Quoted<UInt64>?
      package var mod_revision: Quoted<UInt64>?
    }
    package struct Put: Encodable, Sendable {
      package var key: Data
      package var value: Data
      package var lease: Quoted<Int64>?
    }
    package struct Operation: Encodable, Sendable {
      package var request_range: RangeRequest?
      package var request_put: Put?
      package var request_delete_range: RangeRequest?
    }
    package var compare: [Compare]
    package var success: [Operation]
    package var failure: [Operation]
  }

  package struct TxnReply: Decodable, Sendable {
    package struct Response: Decodable, Sendable {
      package struct Range: Decodable, Sendable { var kvs: [KeyValue]? }
      var response_range: Range?
    }
    package var header: Header
    package var succeeded: Bool?
    var responses: [Response]?

    /// - Parameter ranges: the keys that each of its ranges has found.
    package init(_ header: Header, succeeded: Bool, ranges: [[KeyValue]]) {
      self.header = header
      self.succeeded = succeeded
      self.responses = ranges.map { Response(response_range: .init(kvs: $0)) }
    }

    /// The key that its range found.
    package var found: KeyValue? {
      self.responses?.lazy.compactMap { $0.response_range?.kvs?.first }.first
    }
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

  package struct WatchReply: Decodable, Sendable {
    package struct Event: Decodable, Sendable {
      var type: String?
      var kv: KeyValue

      package init(isDeletion: Bool, _ pair: KeyValue) {
        self.type = isDeletion ? "DELETE" : nil
        self.kv = pair
      }

      package var change: KeyChange {
        self.type == "DELETE"
          ? .removed(index: self.kv.mod_revision?.value ?? 0) : .written(self.kv.holder)
      }
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
package struct Quoted<Number: FixedWidthInteger & Codable & Sendable>: Codable, Hashable, Sendable {
  package var value: Number

  package init(_ value: Number) { self.value = value }

  package init(from decoder: any Decoder) throws {
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

  package func encode(to encoder: any Encoder) throws {
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
  package func clientError(from endpoint: EtcdEndpoint) -> EtcdClientError {
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
