import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The HTTP requests and connections of probes and hooks.
///
/// Source: `pkg/probe/http/http.go`, `request.go`, `pkg/probe/tcp/tcp.go`.
struct ContainerRequests: Sendable {
  /// The host of requests that name none.
  let nodeAddress: String
  private let client: HTTPClient

  init(nodeAddress: String) {
    self.nodeAddress = nodeAddress
    var tls = TLSConfiguration.makeClientConfiguration()
    // As in the real kubelet: a probe checks that a server answers, not its identity.
    tls.certificateVerification = .none
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    self.client = HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
      configuration: configuration)
  }

  func shutDown() async { try? await self.client.shutdown() }

  /// 200 to 399 is a success. Follows at most ten redirects within the same host.
  func get(_ request: ContainerAction.HTTPGet, timeout: Duration) async -> ProbeResult {
    let port: Int
    switch request.port {
    case .number(let number): port = number
    case .unknown(let name): return .error("couldn't find port \"\(name)\" in the container")
    }
    let host = request.host ?? self.nodeAddress
    let authority =
      "\(request.scheme.lowercased())://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    var path = request.path
    let deadline = NIODeadline.now() + .nanoseconds(Int64(timeout / .nanoseconds(1)))
    do {
      for _ in 0...10 {
        var message = HTTPClientRequest(url: authority + path)
        message.headers.add(name: "User-Agent", value: "kube-probe/1.32")
        message.headers.add(name: "Accept", value: "*/*")
        message.headers.add(name: "Connection", value: "close")
        for header in request.headers {
          message.headers.replaceOrAdd(name: header.name, value: header.value)
        }
        let response = try await self.client.execute(message, deadline: deadline)
        let status = response.status.code
        guard (300..<400).contains(status),
          let location = response.headers.first(name: "Location")
        else {
          return (200..<400).contains(status)
            ? .success : .failure("HTTP probe failed with statuscode: \(status)")
        }
        if location.hasPrefix("/") {
          path = location
        } else if location.hasPrefix(authority + "/") {
          path = String(location.dropFirst(authority.count))
        } else {
          // Another host's answer says nothing about the container; the redirect is a success.
          return .success
        }
      }
      return .failure("Get \"\(authority)\(path)\": stopped after 10 redirects")
    } catch {
      return .failure("Get \"\(authority)\(path)\": \(Self.reason(error, host: host, port: port))")
    }
  }

  func connect(host: String?, port: ContainerAction.Port, timeout: Duration) async -> ProbeResult {
    guard case .number(let number) = port else { return .error("the container has no such port") }
    let host = host ?? self.nodeAddress
    do {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(.nanoseconds(Int64(timeout / .nanoseconds(1))))
        .connect(host: host, port: number).get()
      try? await channel.close()
      return .success
    } catch {
      return .failure(Self.reason(error, host: host, port: number))
    }
  }

  /// The message of Go's network package.
  private static func reason(_ error: any Error, host: String, port: Int) -> String {
    switch error {
    case let error as HTTPClientError:
      return error == .remoteConnectionClosed
        ? "EOF" : "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    case ChannelError.connectTimeout(_): return "dial tcp \(host):\(port): i/o timeout"
    case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
      return Self.reason(error.connectionErrors[0].error, host: host, port: port)
    case let error as IOError where error.errnoCode == ECONNREFUSED:
      return "dial tcp \(host):\(port): connect: connection refused"
    default: return "dial tcp \(host):\(port): \(error)"
    }
  }
}
