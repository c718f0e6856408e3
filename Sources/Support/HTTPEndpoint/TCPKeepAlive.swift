import Glibc
import NIOCore

/// TCP's keep-alive: the kernel asks a silent peer whether it is still there.
///
/// A peer that lost its power, or its network, ends no connection. One that waits for bytes from it, as a
/// server does during a watch of a quiet key, would keep it for ever.
package enum TCPKeepAlive {
  /// A dead peer is noticed after a minute: 30 s of silence, as in etcd, then three questions in 30 s.
  package static let options: [(option: ChannelOptions.Types.SocketOption, value: Int)] = [
    (ChannelOptions.socketOption(.so_keepalive), 1),
    (ChannelOptions.tcpOption(.init(rawValue: TCP_KEEPIDLE)), 30),
    (ChannelOptions.tcpOption(.init(rawValue: TCP_KEEPINTVL)), 10),
    (ChannelOptions.tcpOption(.init(rawValue: TCP_KEEPCNT)), 3),
  ]
}

extension Channel {
  /// Switches TCP's keep-alive on. On Linux the connections that a listener accepts have its options.
  package func keepAlive() -> EventLoopFuture<Void> {
    .andAllSucceed(
      TCPKeepAlive.options.map { self.setOption($0.option, value: $0.value) }, on: self.eventLoop)
  }
}
