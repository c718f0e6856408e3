import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Forwards packets between hosts, and loses or delays some of them.
///
/// The kernel sends and receives the packets through a TUN device, so the hosts' own TCP meets what it would meet on a
/// bad line. This needs neither `tc netem` nor a packet filter, and a fault begins and ends with a packet.
package final class PacketRelay: Sendable {
  /// One direction between two hosts, by their IPv4 addresses.
  package struct Path: Hashable, Sendable {
    package var source: UInt32
    package var target: UInt32

    /// - Parameters: addresses as numbers; 10.98.1.2 is `0x0a62_0102`.
    package init(source: UInt32, target: UInt32) {
      self.source = source
      self.target = target
    }

    /// The path of a packet; `nil` when it is not IPv4. Source: RFC 791, 3.1.
    init?(packet: ByteBuffer) {
      let start = packet.readerIndex
      guard let first: UInt8 = packet.getInteger(at: start), first >> 4 == 4,
        let source: UInt32 = packet.getInteger(at: start + 12),
        let target: UInt32 = packet.getInteger(at: start + 16)
      else { return nil }
      self.init(source: source, target: target)
    }
  }

  /// What happens to the packets of a path.
  package struct Treatment: Equatable, Sendable {
    /// The share of packets that is lost: from 0 to 1, where 1 is a cut.
    package var loss: Double
    /// How long a packet is late on average. Each one is late by half of it up to one and a half times, so that
    /// packets can overtake each other.
    package var delay: Duration

    package init(loss: Double = 0, delay: Duration = .zero) {
      self.loss = loss
      self.delay = delay
    }
  }

  /// How many packets had which fate.
  package struct Counts: Equatable, Sendable {
    package var passed = 0
    package var lost = 0
    /// Of those that passed.
    package var delayed = 0
  }

  fileprivate struct State {
    var treatments: [Path: Treatment] = [:]
    var counts = Counts()
  }

  private let state = Mutex(State())

  package var counts: Counts { self.state.withLock { $0.counts } }

  /// Sets the treatments; a path without one is left alone. Packets that are late already stay late.
  package func treat(_ treatments: [Path: Treatment]) {
    self.state.withLock { $0.treatments = treatments }
  }

  /// How long to hold a packet back; `nil` to lose it.
  fileprivate func delay(of packet: ByteBuffer) -> Duration? {
    guard let path = Path(packet: packet) else { return nil }
    return self.state.withLock { state in
      let treatment = state.treatments[path] ?? Treatment()
      guard Double.random(in: 0..<1) >= treatment.loss else {
        state.counts.lost += 1
        return nil
      }
      state.counts.passed += 1
      guard treatment.delay > .zero else { return .zero }
      state.counts.delayed += 1
      return treatment.delay * Double.random(in: 0.5..<1.5)
    }
  }

  /// Runs `body` with a relay on a device, which is up and to which the kernel routes the packets.
  package static func with<Value: Sendable>(
    _ device: TunDevice, _ body: (PacketRelay) async throws -> Value
  ) async throws -> Value {
    let relay = PacketRelay()
    let channel = try await NIOPipeBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      // Each read is one packet.
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(CarryPackets(relay, to: device))
        }
      }
      .takingOwnershipOfDescriptor(inputOutput: try device.duplicate()).get()
    let result: Result<Value, any Error>
    do { result = .success(try await body(relay)) } catch { result = .failure(error) }
    try? await channel.close()
    return try result.get()
  }
}

private final class CarryPackets: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let relay: PacketRelay
  /// Written directly: a channel may write two buffers at once, which would make them one packet.
  private let device: TunDevice

  init(_ relay: PacketRelay, to device: TunDevice) {
    self.relay = relay
    self.device = device
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let packet = self.unwrapInboundIn(data)
    guard let delay = self.relay.delay(of: packet) else { return }
    guard delay > .zero else { return self.device.send(packet) }
    let device = self.device
    _ = context.eventLoop.scheduleTask(in: TimeAmount(delay)) { device.send(packet) }
  }
}

/// A network device whose packets a process reads and writes. Source: Linux,
/// Documentation/networking/tuntap.rst.
package final class TunDevice: Sendable {
  package let name: String
  private let descriptor: CInt

  /// Creates the device in this process's network namespace; it goes when the last descriptor is closed.
  /// - Parameter name: up to 15 characters.
  /// - Throws: ``TunError``.
  package init(_ name: String) throws(TunError) {
    self.name = name
    self.descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard self.descriptor >= 0 else { throw TunError("open", errno) }
    // struct ifreq: the name, and then the flags IFF_TUN and IFF_NO_PI.
    var request = [UInt8](repeating: 0, count: 40)
    for (index, byte) in name.utf8.prefix(15).enumerated() { request[index] = byte }
    (request[16], request[17]) = (0x01, 0x10)
    let makeDevice: UInt = 0x4004_54ca  // TUNSETIFF
    let result = request.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { ioctl(self.descriptor, makeDevice, $0) } ?? -1
    }
    guard result == 0 else { throw TunError("make a device with", errno) }
  }

  fileprivate func duplicate() throws(TunError) -> CInt {
    let copy = fcntl(self.descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw TunError("duplicate", errno) }
    return copy
  }

  /// Sends a packet; the kernel may drop it, as any line does.
  fileprivate func send(_ packet: ByteBuffer) {
    _ = packet.withUnsafeReadableBytes { write(self.descriptor, $0.baseAddress, $0.count) }
  }

  deinit {
    close(self.descriptor)
  }
}

/// Why there is no ``TunDevice``.
package struct TunError: Error, Equatable, CustomStringConvertible {
  package var description: String

  init(_ verb: String, _ code: Int32) {
    self.description =
      "cannot \(verb) /dev/net/tun: \(String(cString: strerror(code))); it needs root and the kernel's tun module"
  }
}
