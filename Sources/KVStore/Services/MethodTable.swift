import EtcdMessages
import SwiftProtobuf

/// One method of the v3 API: its name for gRPC, its paths for the gateway, and who carries it out.
struct Method: Sendable {
  typealias Make = @Sendable (Services, CallHead, any CallAnswers) -> any CallHandler

  /// `etcdserverpb.KV`.
  let service: String
  let name: String
  let path: String
  /// Below `/v3`: `/kv/range`.
  let gatewayPaths: [String]
  /// Whether the answer is a stream.
  let isStream: Bool
  let makeHandler: Make

  private init(
    service: String, name: String, gatewayPaths: [String], isStream: Bool,
    makeHandler: @escaping Make
  ) {
    self.service = service
    self.name = name
    self.path = "/\(service)/\(name)"
    self.gatewayPaths = gatewayPaths
    self.isStream = isStream
    self.makeHandler = makeHandler
  }

  /// A method with one query and one answer.
  /// - Parameter body: answers at once, or later on the call's event loop.
  static func unary<Query: Message, Answer: Message>(
    _ service: String, _ name: String, at gatewayPaths: String...,
    body: @escaping UnaryCall<Query, Answer>.Body
  ) -> Method {
    self.unary(service, name, at: gatewayPaths, codec: .messages, body: body)
  }

  /// The same with values of our own.
  static func unary<Query, Answer>(
    _ service: String, _ name: String, at gatewayPaths: [String],
    codec: CallCodec<Query, Answer>, body: @escaping UnaryCall<Query, Answer>.Body
  ) -> Method {
    Method(service: service, name: name, gatewayPaths: gatewayPaths, isStream: false) {
      UnaryCall($0, $1, $2, codec, body)
    }
  }

  enum Answers { case once, stream }

  /// A method with a handler of its own.
  static func stream(
    _ service: String, _ name: String, at gatewayPaths: String..., answers: Answers = .stream,
    make: @escaping Make
  ) -> Method {
    Method(
      service: service, name: name, gatewayPaths: gatewayPaths, isStream: answers == .stream,
      makeHandler: make)
  }
}

extension Method: Equatable {
  static func == (a: Method, b: Method) -> Bool { a.path == b.path }
}

/// All methods, by both of their names.
struct MethodTable: Sendable {
  private var byPath: [String: Method] = [:]
  private var byGatewayPath: [String: Method] = [:]
  private var services: Set<String> = []

  init(_ methods: [Method]) {
    for method in methods {
      self.byPath[method.path] = method
      self.services.insert(method.service)
      for path in method.gatewayPaths { self.byGatewayPath[path] = method }
    }
  }

  static let standard = MethodTable(
    Method.keys + Method.watches + Method.leases + Method.cluster + Method.maintenance
      + Method.auth
      + Method.locks + Method.elections + Method.health)

  var all: some Collection<Method> { self.byPath.values }

  /// - Parameter path: `/etcdserverpb.KV/Range`.
  /// - Throws: in the words of grpc-go, which clients may know.
  func method(_ path: String) throws(RPCStatus) -> Method {
    if let method = self.byPath[path] { return method }
    guard path.first == "/", let slash = path.dropFirst().lastIndex(of: "/") else {
      throw RPCStatus(.resourceExhausted, "malformed method name: \"\(path)\"")
    }
    let service = String(path[path.index(after: path.startIndex)..<slash])
    throw RPCStatus(
      .unimplemented,
      self.services.contains(service)
        ? "unknown method \(path[path.index(after: slash)...]) for service \(service)"
        : "unknown service \(service)")
  }

  /// - Parameter path: what stands behind `/v3` or `/v3beta`.
  func gatewayMethod(_ path: String) -> Method? { self.byGatewayPath[path] }
}
