import NIOCore
import NIOPosix

/// What watchers of the v3 API watch.
package enum WatchedKeys: Equatable, Sendable {
  /// All watch one key.
  case one
  /// Each watches a key of its own, and all keys are written at once.
  case own
  /// All watch the keys of a prefix.
  case prefix
}

/// Many watchers, and how long it takes until a write has reached the last of them.
final class WatchCalls: CallConnection.Caller {
  private static let streamsEach = 100
  private static let writes = 10

  private let count: Int
  private let watched: WatchedKeys
  private let key: String
  private let ended: EventLoopPromise<[Duration]>
  private var connections: [CallConnection] = []
  /// Messages that are to come before the next write.
  private var left: Int
  private var sentAt = NIODeadline.now()
  private var durations: [Duration] = []

  private init(
    _ count: Int, of watched: WatchedKeys, key: String, ended: EventLoopPromise<[Duration]>
  ) {
    (self.count, self.watched, self.key, self.ended) = (count, watched, key, ended)
    self.left = count
  }

  /// - Returns: of each write the time from its sending to the last watcher's event.
  static func run(
    _ count: Int, of watched: WatchedKeys, key: String, port: Int
  ) async throws -> [Duration] {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let ended = loop.makePromise(of: [Duration].self)
    let bound = try await loop.submit {
      NIOLoopBound(
        WatchCalls(count, of: watched, key: key, ended: ended), eventLoop: loop)
    }.get()
    let connectionCount = (count + Self.streamsEach - 1) / Self.streamsEach
    let channels = try await CallConnection.connect(connectionCount, port: port, on: loop) {
      bound.value
    } made: {
      bound.value.connections.append($0)
    }
    loop.execute { bound.value.start() }
    let timeout = loop.scheduleTask(in: .minutes(1)) {
      ended.fail(BenchmarkError.timedOut("the events of \(count) watchers"))
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

  private func start() {
    let headers = CallFrames.headers("/etcdserverpb.Watch/Watch")
    for lane in 0..<self.count {
      var creation = ByteBuffer()
      creation.writeText(self.watched == .prefix ? self.key : self.key(lane), field: 1)
      // The byte after `/`.
      if self.watched == .prefix { creation.writeText(self.key.dropLast() + "0", field: 2) }
      var message = ByteBuffer()
      message.writeBytes(creation, field: 1)
      self.connections[lane / Self.streamsEach].open(headers, message, lane: lane, isLast: false)
    }
    for connection in self.connections { connection.flush() }
  }

  func received(_ message: ByteBuffer, byteCount: Int, on lane: Int) {
    // The answer of the write itself.
    guard lane >= 0 else { return }
    self.left -= 1
    guard self.left == 0 else { return }
    if self.connections.isEmpty { return }
    if self.isWriting { self.durations.append(Duration(NIODeadline.now() - self.sentAt)) }
    guard self.durations.count < Self.writes else { return self.ended.succeed(self.durations) }
    self.write()
  }

  private var isWriting = false

  private func key(_ number: Int) -> String {
    self.watched == .one ? self.key : "\(self.key)\(number)"
  }

  private func write() {
    (self.isWriting, self.left) = (true, self.count)
    let headers = CallFrames.headers("/etcdserverpb.KV/Put")
    self.sentAt = .now()
    for number in 0..<(self.watched == .own ? self.count : 1) {
      var message = ByteBuffer()
      message.writeText(self.key(number), field: 1)
      message.writeText(Keys.value, field: 2)
      self.connections[number / Self.streamsEach].open(headers, message, lane: -1, isLast: true)
    }
    for connection in self.connections { connection.flush() }
  }

  func ended(_ lane: Int) {}

  func failed(_ error: BenchmarkError) { self.ended.fail(error) }
}
