import NIOCore

/// What one HTTP/2 connection may cost the server, beside ``ConnectionLimits``.
struct WireLimits: Sendable {
  /// The most bytes of a received message: etcd's limit of a request and half a megabyte.
  var messageBytes = 2 << 20
  /// Streams that are open at once. etcd has no limit; Go's clients wait for a place.
  var streams = 10_000
  /// Streams that are open at once and are no calls: each costs as much as an HTTP/1 connection. It is Go's limit.
  var pages = 250
  /// The most bytes of a stream's headers, as HTTP/2 counts them.
  var headerBytes = 64 << 10
  /// Bytes that may be received on all streams of a connection before the client is granted more.
  var connectionWindow = 1 << 20
  /// The same on one stream: HTTP/2's value for a client that has not yet read our settings.
  static let streamWindow = 65_535
  /// Bytes of messages that are not complete, of all streams of a connection together: the call that goes beyond ends.
  var allBytesAhead = 64 << 20
  /// Bytes of a stream that have not left. Beyond, its call is told to wait and gets no further message.
  var bytesBehind = 64 << 10
  /// The same for all streams of a connection together.
  var allBytesBehind = 32 << 20
  /// Between two pings of a client that is sent nothing. etcd's value.
  var pingPause = TimeAmount.seconds(5)
  /// Pings that come too early before the connection is closed, as in Go's gRPC.
  var earlyPings = 2
  /// For calls whose request is complete to be answered after the server's stop.
  var stopTime = TimeAmount.seconds(1)
}
