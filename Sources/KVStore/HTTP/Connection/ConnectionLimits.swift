import NIOCore

/// What one connection may cost the server.
struct ConnectionLimits: Sendable {
  /// From a request's first byte to its last.
  var requestTime = TimeAmount.seconds(60)
  var handshakeTime = TimeAmount.seconds(10)
  /// For a refused connection to send its request, and again to hang up.
  var refusalTime = TimeAmount.seconds(1)
  /// For a connection without a request, or with answers that the client does not read.
  var idleTime = TimeAmount.minutes(10)
  /// For the client to hang up after the last answer; Go's `net/http` gives it half of that.
  var lingerTime = TimeAmount.seconds(1)
  /// The most bytes of a request's body; without a flag Go's limit for forms, which is etcd's.
  var requestBytes = KVStoreServer.standardMaxRequestBytes
  /// Bytes that may arrive ahead of their turn. While a request is answered, or the client does not read, no
  /// more are read; a watch is cut off.
  var bytesAhead = 64 << 10
  /// Bytes that are read and dropped after the last request, as in Go's `net/http`.
  var bytesDropped = 256 << 10
  /// Events of a stream that the client has not read, as in etcd; beyond, it is cut off.
  var eventsBehind = 100
  /// The same in bytes.
  var bytesBehind = 16 << 20
  /// What HTTP/2 may cost beside it.
  var wire = WireLimits()
}
