import FoundationEssentials

/// What is known of the wall clocks of etcd's members, as a value.
///
/// In the v2 API the member that is asked stamps a key's end by its own clock, and the cluster's leader removes
/// the key by the leader's. So a lease ends early by as much as the leader's clock is ahead.
///
/// Source: etcd 3.4, `server/etcdserver/apply_v2.go` and `syncer` in `etcdserver/server.go`.
public struct MemberClocks: Equatable, Sendable {
  /// How far a member's clock is ahead of ours: between these two, since we know only when the request was sent
  /// and when its answer came.
  struct Reading: Equatable, Sendable {
    var endpoint: EtcdEndpoint
    var earliest: Duration
    var latest: Duration

    /// - Parameters:
    ///   - clock: the member's, at an instant between the two others.
    ///   - sent: ours, since any instant, the same for all readings.
    init(_ endpoint: EtcdEndpoint, clock: Duration, sent: Duration, received: Duration) {
      self.endpoint = endpoint
      (self.earliest, self.latest) = (clock - received, clock - sent)
    }

    var uncertainty: Duration { self.latest - self.earliest }
  }

  /// The best reading of each member.
  private(set) var readings: [Reading] = []
  /// Members that gave none.
  public internal(set) var silent: [EtcdEndpoint] = []
  /// How many members the cluster has; at least one.
  public internal(set) var count = 1
  /// Whether any endpoint has the v2 API.
  public internal(set) var hasV2 = false

  mutating func add(_ reading: Reading) {
    if let index = self.readings.firstIndex(where: { $0.endpoint == reading.endpoint }) {
      guard reading.uncertainty < self.readings[index].uncertainty else { return }
      self.readings[index] = reading
    } else {
      self.readings.append(reading)
    }
  }

  /// The most by which two clocks can differ; `nil` when fewer than two were read.
  public var widest: Duration? {
    guard self.readings.count > 1, let latest = self.readings.map(\.latest).max(),
      let earliest = self.readings.map(\.earliest).min()
    else { return nil }
    return latest - earliest
  }

  /// The least by which the two clocks differ that are furthest from each other.
  public var certain: Duration? {
    guard self.readings.count > 1, let latest = self.readings.map(\.earliest).max(),
      let earliest = self.readings.map(\.latest).min()
    else { return nil }
    return max(.zero, latest - earliest)
  }

  /// What to count in the rule: nothing for one member and for v3, else what was measured and at least this
  /// much, since clocks drift on.
  public static let least = Duration.milliseconds(250)

  public var counted: Duration {
    self.count < 2 || !self.hasV2 ? .zero : max(self.widest ?? .zero, Self.least)
  }

  /// - Parameter text: RFC 3339, with up to nine digits of a second.
  /// - Returns: the time since 1970.
  static func time(_ text: String) -> Duration? {
    var whole = text
    var nanoseconds: Int64 = 0
    if let point = text.firstIndex(of: ".") {
      let digits = text[text.index(after: point)...].prefix { $0.isNumber }
      guard let value = Int64((digits + "000000000").prefix(9)) else { return nil }
      nanoseconds = value
      whole.removeSubrange(point..<digits.endIndex)
    }
    guard let date = try? Date(whole, strategy: .iso8601) else { return nil }
    return .seconds(Int64(date.timeIntervalSince1970)) + .nanoseconds(nanoseconds)
  }
}

extension EtcdClient {
  /// Compares the clocks of all members by the `expiration` of a key that is written through each of them.
  ///
  /// With one member nothing is written.
  /// - Parameters:
  ///   - key: the lock key's name; the written key stands beside it, and ends by itself after a minute.
  ///   - timeout: the bound of the whole.
  public func memberClocks(beside key: String, timeout: Duration) async -> MemberClocks {
    let deadline = ContinuousClock.now + timeout
    var clocks = MemberClocks()
    clocks.count = max(self.endpoints.count, await self.memberCount(until: deadline) ?? 1)
    clocks.hasV2 = true
    guard clocks.count > 1 else { return clocks }
    let begin = ContinuousClock.now
    let name = Self.clockKey(for: key)
    var answers: [(EtcdEndpoint, Result<MemberClocks.Reading?, EtcdClientError>)] = []
    // Twice, since the first request opens a connection.
    for _ in 0..<2 {
      answers += await withTaskGroup(
        of: (EtcdEndpoint, Result<MemberClocks.Reading?, EtcdClientError>).self
      ) { group in
        for endpoint in self.endpoints {
          group.addTask { (endpoint, await self.clock(of: endpoint, name, since: begin, deadline)) }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    clocks.hasV2 = answers.contains {
      if case .failure(.apiMissing) = $1 { false } else { true }
    }
    for case (_, .success(let reading?)) in answers { clocks.add(reading) }
    clocks.silent = self.endpoints.filter { endpoint in
      !clocks.readings.contains { $0.endpoint == endpoint }
    }
    return clocks
  }

  /// Beside the lock key, as the other side keys are.
  static func clockKey(for key: String) -> String {
    var components = key.split(separator: "/").map(String.init)
    components.append("_\(components.popLast() ?? "").clock")
    return components.joined(separator: "/")
  }

  private func clock(
    of endpoint: EtcdEndpoint, _ key: String, since begin: ContinuousClock.Instant,
    _ deadline: ContinuousClock.Instant
  ) async -> Result<MemberClocks.Reading?, EtcdClientError> {
    let ttl: Int64 = 60
    let request = KeysRequest(.put, key: key, query: [], form: [("value", ""), ("ttl", "\(ttl)")])
    let sent = begin.duration(to: .now)
    do throws(EtcdClientError) {
      let answer = try await self.transport.send(
        self.call(request), to: endpoint, until: deadline
      ) { answer, endpoint throws(EtcdClientError) in try answer.keysResponse(from: endpoint) }
      guard let end = answer.node.expiration.flatMap(MemberClocks.time) else {
        return .success(nil)
      }
      return .success(
        MemberClocks.Reading(
          endpoint, clock: end - .seconds(ttl), sent: sent, received: begin.duration(to: .now)))
    } catch {
      return .failure(error)
    }
  }

  private struct Members: Decodable {
    struct Member: Decodable { var id: String }
    var members: [Member]
  }

  /// How many members the cluster says it has; `nil` when it does not say.
  private func memberCount(until deadline: ContinuousClock.Instant) async -> Int? {
    let call = EtcdTransport.Call(
      method: .GET, target: "/v2/members", authorization: self.credentials?.basic,
      isRepeatable: true)
    return try? await self.transport.send(call, until: deadline) {
      answer, endpoint throws(EtcdClientError) in
      try answer.value(Members.self, from: endpoint).members.count
    }
  }
}
