import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import KVStore

/// Limits of one connection: raw bytes over a real socket.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ConnectionLimitsTests {
  /// Runs the body with a connection to a server with the given limits.
  private func withConnection(
    _ limits: ConnectionLimits = .init(),
    _ body: (
      KVStoreServer, NIOAsyncChannelInboundStream<ByteBuffer>,
      NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws -> Void
  ) async throws {
    try await withRunningServer(limits: limits) { server in
      let port = try #require(server.urls[0].split(separator: ":").last.flatMap { Int($0) })
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: port) { channel in
          channel.eventLoop.makeCompletedFuture {
            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
              wrappingChannelSynchronously: channel,
              configuration: .init(isOutboundHalfClosureEnabled: true))
          }
        }
      try await channel.executeThenClose { try await body(server, $0, $1) }
    }
  }

  /// All that comes until the server closes.
  private func text(of inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> String {
    var text = ""
    for try await part in inbound { text += String(buffer: part) }
    return text
  }

  @Test func nonsenseIsAnsweredAndEndsTheConnection() async throws {
    try await self.withConnection { _, inbound, outbound in
      try await outbound.write(ByteBuffer(string: "\u{16}\u{3}\u{1} hello\r\n\r\n"))
      let answer = try await self.text(of: inbound)
      #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
      #expect(answer.contains("Connection: close\r\n"))
    }
  }

  @Test func aHeadThatDoesNotEndIsRefused() async throws {
    try await self.withConnection { _, inbound, outbound in
      let line = "GET /v2/keys/a HTTP/1.1\r\nX: " + String(repeating: "y", count: 1_100_000)
      try await outbound.write(ByteBuffer(string: line))
      #expect(try await self.text(of: inbound).hasPrefix("HTTP/1.1 431 "))
    }
  }

  @Test(arguments: [
    "GET /v2/keys/a HT",
    "PUT /v2/keys/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nval",
  ])
  func aRequestThatDoesNotComeToItsEndIsGivenUp(text: String) async throws {
    let limits = ConnectionLimits(requestTime: .milliseconds(100))
    try await self.withConnection(limits) { _, inbound, outbound in
      try await outbound.write(ByteBuffer(string: text))
      #expect(try await self.text(of: inbound).hasPrefix("HTTP/1.1 408 "))
    }
  }

  @Test func aConnectionWithoutARequestIsClosed() async throws {
    let limits = ConnectionLimits(idleTime: .milliseconds(100))
    try await self.withConnection(limits) { _, inbound, _ in
      let text = try await self.text(of: inbound)
      #expect(text == "")
    }
  }

  @Test func aWatchIsNotIdle() async throws {
    // On a busy machine the request may come too late for the short ones.
    for idleTime in [100, 1000, 10_000] as [Int64] {
      let limits = ConnectionLimits(idleTime: .milliseconds(idleTime))
      var text = ""
      do {
        try await self.withConnection(limits) { server, inbound, outbound in
          let watch = "GET /v2/keys/k?wait=true HTTP/1.0\r\n\r\n"
          try await outbound.write(ByteBuffer(string: watch))
          try await Task.sleep(for: .milliseconds(3 * idleTime))
          _ = try await TestClient(base: server.urls[0]).put("/k", "value=1")
          text = try await self.text(of: inbound)
        }
      } catch  where error is ChannelError || error is IOError {}
      // Without a head the connection was over before the request came.
      guard text.isEmpty else {
        #expect(text.contains("\"value\":\"1\""))
        return
      }
    }
    Issue.record("no request came in time")
  }

  @Test func whoSendsTooMuchAheadOfItsTurnIsCutOff() async throws {
    let limits = ConnectionLimits(bytesAhead: 1000)
    try await self.withConnection(limits) { server, inbound, outbound in
      let watch = "GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: localhost\r\n\r\n"
      try await outbound.write(ByteBuffer(string: watch))
      try await eventually { server.watcherCount == 1 }
      try await outbound.write(ByteBuffer(string: String(repeating: "x", count: 1001)))
      try await eventually { server.watcherCount == 0 }
    }
  }

  @Test func aStreamThatNobodyReadsIsCutOff() async throws {
    try await self.withConnection { server, inbound, outbound in
      let watch = "GET /v2/keys/k?wait=true&stream=true HTTP/1.1\r\nHost: localhost\r\n\r\n"
      try await outbound.write(ByteBuffer(string: watch))
      // The head comes; after it nothing more is read, and the kernel's buffers fill.
      var iterator = inbound.makeAsyncIterator()
      _ = try await iterator.next()
      try await eventually { server.watcherCount == 1 }
      let client = TestClient(base: server.urls[0])
      let value = String(repeating: "x", count: 1 << 20)
      try await eventually("it is never cut off") {
        _ = try await client.put("/k", "value=\(value)")
        return server.watcherCount == 0
      }
    }
  }

  @Test func aWatchIsOverWhenTheClientHangsUp() async throws {
    try await self.withConnection { server, inbound, outbound in
      let watch = "GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: localhost\r\n\r\n"
      try await outbound.write(ByteBuffer(string: watch))
      try await eventually { server.watcherCount == 1 }
      outbound.finish()
      try await eventually { server.watcherCount == 0 }
    }
  }

  @Test func whoSaysNoMoreStillGetsTheAnswer() async throws {
    try await self.withConnection { _, inbound, outbound in
      let put = "PUT /v2/keys/k?value=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
      try await outbound.write(ByteBuffer(string: put))
      outbound.finish()
      #expect(try await self.text(of: inbound).hasPrefix("HTTP/1.1 201 Created\r\n"))
    }
  }
}
