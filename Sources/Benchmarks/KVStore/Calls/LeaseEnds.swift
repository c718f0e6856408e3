import NIOCore
import NIOPosix

/// Many leases, each with a key that is watched, and how late their watchers learn that they have ended.
final class LeaseEnds: CallConnection.Caller {
  private static let streamsEach = 50
  private static let ttlSeconds: Int64 = 5

  private let count: Int
  private let key: String
  private let ended: EventLoopPromise<[Duration]>
  private var connections: [CallConnection] = []
  /// When each lease's grant was sent.
  private var sentAt: [NIODeadline]
  /// How many messages each watcher has had: its creation, the put, the end.
  private var messages: [Int]
  private var lateness: [Duration] = []

  private init(_ count: Int, key: String, ended: EventLoopPromise<[Duration]>) {
    (self.count, self.key, self.ended) = (count, key, ended)
    self.sentAt = [NIODeadline](repeating: .now(), count: count)
    self.messages = [Int](repeating: 0, count: count)
  }

  /// - Returns: of each lease the time from the end of its TTL, counted from the sending of its grant, to the event.
  static func run(_ count: Int, key: String, port: Int) async throws -> [Duration] {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let ended = loop.makePromise(of: [Duration].self)
    let bound = try await loop.submit {
      NIOLoopBound(LeaseEnds(count, key: key, ended: ended), eventLoop: loop)
    }.get()
    let connectionCount = (count + Self.streamsEach - 1) / Self.streamsEach
    let channels = try await CallConnection.connect(connectionCount, port: port, on: loop) {
      bound.value
    } made: {
      bound.value.connections.append($0)
    }
    loop.execute { bound.value.start() }
    let timeout = loop.scheduleTask(in: .minutes(1)) {
      ended.fail(BenchmarkError.timedOut("the ends of \(count) leases"))
    }
    let result = await ended.outcome()
    timeout.cancel()
    loop.execute {
      for connection in bound.value.connections { connection.caller = nil }
      bound.value.connections = []
    }
    for channel in channels { try? await channel.close() }
    return try result.get()
  }

  // Lanes: the watchers, then the grants, then the puts.

  private func open(_ path: String, _ message: ByteBuffer, of number: Int, lane: Int) {
    let connection = self.connections[number / Self.streamsEach]
    connection.open(
      CallFrames.headers(path), message, lane: lane, isLast: lane >= self.count)
    connection.flush()
  }

  private func key(_ number: Int) -> String { "\(self.key)\(number)" }

  private func start() {
    for number in 0..<self.count {
      var creation = ByteBuffer()
      creation.writeText(self.key(number), field: 1)
      var message = ByteBuffer()
      message.writeBytes(creation, field: 1)
      self.open("/etcdserverpb.Watch/Watch", message, of: number, lane: number)
    }
  }

  func received(_ message: ByteBuffer, byteCount: Int, on lane: Int) {
    guard lane < self.count else {
      if lane < 2 * self.count, let lease = message.number(ofField: 2) {
        self.put(lane - self.count, lease: Int64(bitPattern: lease))
      }
      return
    }
    self.messages[lane] += 1
    switch self.messages[lane] {
    case 1:
      var grant = ByteBuffer()
      grant.writeNumber(Self.ttlSeconds, field: 1)
      self.sentAt[lane] = .now()
      self.open("/etcdserverpb.Lease/LeaseGrant", grant, of: lane, lane: self.count + lane)
    case 3:
      let end = self.sentAt[lane] + .seconds(Self.ttlSeconds)
      self.lateness.append(Duration(NIODeadline.now() - end))
      if self.lateness.count == self.count { self.ended.succeed(self.lateness) }
    default: break
    }
  }

  private func put(_ number: Int, lease: Int64) {
    var message = ByteBuffer()
    message.writeText(self.key(number), field: 1)
    message.writeText(Keys.value, field: 2)
    message.writeNumber(lease, field: 3)
    self.open("/etcdserverpb.KV/Put", message, of: number, lane: 2 * self.count + number)
  }

  func ended(_ lane: Int) {}

  func failed(_ error: BenchmarkError) { self.ended.fail(error) }
}
