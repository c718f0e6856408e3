import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server whose answers a closure chooses. It keeps the requests.
public final class ScriptedServer: Sendable {
  public struct Request: Equatable, Sendable {
    public var method: String
    public var target: String
    public var body: String
    public var contentType: String?

    public init(method: String, target: String, body: String, contentType: String? = nil) {
      self.method = method
      self.target = target
      self.body = body
      self.contentType = contentType
    }
  }

  public enum Reply: Sendable {
    case answer(Int, [String: String], String)
    /// Reads the request and does not answer.
    case silence
    /// Sends the head without the body.
    case headOnly
    /// Closes the connection without an answer.
    case hangUp

    public static func json(_ body: String, status: Int = 200, index: Int = 7) -> Reply {
      .answer(status, ["X-Etcd-Index": "\(index)", "Content-Type": "application/json"], body)
    }
  }

  public let port: Int
  public var url: String { "http://127.0.0.1:\(self.port)" }
  public var requests: [Request] { self.log.requests.withLock { $0 } }

  private let channel: any Channel
  private let log: Log

  fileprivate final class Log: Sendable {
    let requests = Mutex<[Request]>([])
  }

  /// Runs `body` with a server and stops it afterwards.
  @discardableResult
  public static func with<Value: Sendable>(
    _ reply: @escaping @Sendable (Request) -> Reply,
    _ body: (ScriptedServer) async throws -> Value
  ) async throws -> Value {
    let server = try await ScriptedServer(reply)
    let result: Result<Value, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    try await server.channel.close()
    return try result.get()
  }

  private init(_ reply: @escaping @Sendable (Request) -> Reply) async throws {
    let log = Log()
    self.channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { channel in
        channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
          try channel.pipeline.syncOperations.addHandler(Handler(log: log, reply: reply))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.port = self.channel.localAddress?.port ?? 0
    self.log = log
  }
}

private final class Handler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  let log: ScriptedServer.Log
  let reply: @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
  var request = ScriptedServer.Request(method: "", target: "", body: "")

  init(
    log: ScriptedServer.Log,
    reply: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
  ) {
    self.log = log
    self.reply = reply
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.unwrapInboundIn(data) {
    case .head(let head):
      self.request = .init(
        method: head.method.rawValue, target: head.uri, body: "",
        contentType: head.headers.first(name: "Content-Type"))
    case .body(let bytes):
      self.request.body += String(buffer: bytes)
    case .end:
      self.log.requests.withLock { $0.append(self.request) }
      self.answer(context)
    }
  }

  private func answer(_ context: ChannelHandlerContext) {
    switch self.reply(self.request) {
    case .answer(let status, let headers, let body):
      self.writeHead(context, status: status, headers: headers, length: body.utf8.count)
      context.write(
        self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
      context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    case .silence:
      break
    case .headOnly:
      self.writeHead(context, status: 200, headers: ["X-Etcd-Index": "7"], length: 100)
      context.flush()
    case .hangUp:
      context.close(promise: nil)
    }
  }

  private func writeHead(
    _ context: ChannelHandlerContext, status: Int, headers: [String: String], length: Int
  ) {
    var fields = HTTPHeaders(headers.map { ($0.key, $0.value) })
    fields.add(name: "Content-Length", value: "\(length)")
    let head = HTTPResponseHead(
      version: .http1_1, status: .init(statusCode: status), headers: fields)
    context.write(self.wrapOutboundOut(.head(head)), promise: nil)
  }
}
