import NIOCore

/// Calls of the v3 API at full speed.
package struct CallLoad: Equatable, Sendable {
  package enum Pattern: Equatable, Sendable {
    /// A linearizable range of one key.
    case range
    /// All keys in turn.
    case put(keyCount: Int)
    /// A put if the key is what the lane's put before made it, as Kubernetes updates an object.
    case txn
    /// A stream with a lease of its own for each lane.
    case keepAlive
    /// All keys of a prefix, at once or by pages.
    case list(keyCount: Int, page: Int?)
  }

  package var pattern: Pattern
  package var connections: Int
  /// Of each connection.
  package var streams: Int

  var lanes: Int { self.connections * self.streams }

  /// How many answers count as one.
  var answersEach: Int {
    if case .list(let count, let page?) = self.pattern { (count + page - 1) / page } else { 1 }
  }
}

extension CallLoad {
  private static let value = ByteBuffer(string: Keys.value)
  static let one = "bench/one"
  static let listed = "bench/listed/"
  private static let listedValue = ByteBuffer(string: String(repeating: "x", count: 1_000))

  private static func listedKey(_ number: Int) -> String {
    // All of the same length, so that their order is that of their numbers.
    "\(self.listed)\(100_000 + number)"
  }

  private static func put(_ key: String, _ value: ByteBuffer) -> ByteBuffer {
    var message = ByteBuffer()
    message.writeText(key, field: 1)
    message.writeBytes(value, field: 2)
    return message
  }

  private static func range(_ key: String, end: String? = nil, limit: Int? = nil) -> ByteBuffer {
    var message = ByteBuffer()
    message.writeText(key, field: 1)
    if let end { message.writeText(end, field: 2) }
    if let limit { message.writeNumber(Int64(limit), field: 3) }
    return message
  }

  /// Gives the messages of a list one after another.
  private static func once(_ path: String, _ messages: [ByteBuffer]) -> CallLoop.Plan {
    var left = messages[...]
    return CallLoop.Plan(path: path) { _, _ in left.popFirst() }
  }

  /// What has to be there before the load.
  /// - Parameter run: a number that no run before had, for leases and keys of its own.
  func makePreparation(run: Int) -> CallLoop.Plan? {
    switch self.pattern {
    case .range: Self.once("/etcdserverpb.KV/Put", [Self.put(Self.one, Self.value)])
    case .put, .txn: nil
    case .keepAlive:
      Self.once(
        "/etcdserverpb.Lease/LeaseGrant",
        (0..<self.lanes).map { lane in
          var message = ByteBuffer()
          message.writeNumber(3_600, field: 1)
          message.writeNumber(Self.lease(lane, run: run), field: 2)
          return message
        })
    case .list(let count, _):
      Self.once(
        "/etcdserverpb.KV/Put",
        (0..<count).map { Self.put(Self.listedKey($0), Self.listedValue) })
    }
  }

  private static func lease(_ lane: Int, run: Int) -> Int64 { Int64(run * 100_000 + lane + 1) }

  func makePlan(run: Int) -> CallLoop.Plan {
    switch self.pattern {
    case .range:
      let message = Self.range(Self.one)
      return CallLoop.Plan(path: "/etcdserverpb.KV/Range") { _, _ in message }
    case .put(let count):
      let messages = (0..<count).map { Self.put("bench/many/\($0)", Self.value) }
      var number = 0
      return CallLoop.Plan(path: "/etcdserverpb.KV/Put") { _, _ in
        number += 1
        // Neighbours apart: 7919 is a prime that divides no number of keys of ours.
        return messages[number * 7919 % count]
      }
    case .txn: return Self.updates(run: run)
    case .keepAlive:
      let messages = (0..<self.lanes).map { lane in
        var message = ByteBuffer()
        message.writeNumber(Self.lease(lane, run: run), field: 1)
        return message
      }
      return CallLoop.Plan(path: "/etcdserverpb.Lease/LeaseKeepAlive", isStream: true) { lane, _ in
        messages[lane]
      }
    case .list(let count, let page):
      let end = "bench/listed0"
      let messages = stride(from: 0, to: count, by: page ?? count).map {
        Self.range(Self.listedKey($0), end: end, limit: page)
      }
      var sent = [Int](repeating: 0, count: self.lanes)
      return CallLoop.Plan(path: "/etcdserverpb.KV/Range") { lane, _ in
        defer { sent[lane] += 1 }
        return messages[sent[lane] % messages.count]
      }
    }
  }

  private static func updates(run: Int) -> CallLoop.Plan {
    CallLoop.Plan(path: "/etcdserverpb.KV/Txn") { lane, answer in
      let key = "bench/updated/\(run)/\(lane)"
      // The revision of the answer's header is that of the put.
      let revision = answer.bytes(ofField: 1)?.number(ofField: 3) ?? 0
      var comparison = ByteBuffer()
      comparison.writeNumber(2, field: 2)
      comparison.writeText(key, field: 3)
      comparison.writeNumber(Int64(revision), field: 6)
      var put = ByteBuffer()
      put.writeBytes(Self.put(key, Self.value), field: 2)
      var range = ByteBuffer()
      range.writeBytes(Self.range(key), field: 1)
      var message = ByteBuffer()
      message.writeBytes(comparison, field: 1)
      message.writeBytes(put, field: 2)
      message.writeBytes(range, field: 3)
      return message
    }
  }
}
