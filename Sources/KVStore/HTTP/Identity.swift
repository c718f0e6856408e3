/// Who this server says it is.
struct Identity: Sendable {
  /// The cluster's number in hexadecimal; the same over restarts.
  let clusterID: String
  let memberID: String
  let name: String
  /// Where clients reach it: they switch to these addresses.
  let clientURLs: [String]

  /// The version of etcd whose API this is; clients look at it to know what they can ask for.
  static let etcdVersion = "3.4.23"
  static let clusterVersion = "3.4.0"

  init(clusterID: UInt64, name: String, clientURLs: [String]) {
    self.clusterID = String(clusterID, radix: 16)
    // One member, so its number may be derived from the cluster's.
    self.memberID = String(clusterID ^ 0x5a5a_5a5a_5a5a_5a5a, radix: 16)
    self.name = name
    self.clientURLs = clientURLs
  }

  var version: String {
    "{\"etcdserver\":\"\(Self.etcdVersion)\",\"etcdcluster\":\"\(Self.clusterVersion)\"}"
  }

  /// One member, as `/v2/members` shows it. There are no peers, so no addresses for them.
  var member: String {
    var json = JSONWriter()
    json.raw("{\"id\":\"\(self.memberID)\",\"name\":")
    json.string(self.name.utf8)
    json.raw(",\"peerURLs\":[],\"clientURLs\":[")
    for (position, url) in self.clientURLs.enumerated() {
      if position > 0 { json.raw(",") }
      json.string(url.utf8)
    }
    json.raw("]}")
    return String(buffer: json.buffer)
  }

  /// `/v2/stats/self`: the one member leads from its start on.
  func statistics(startedAt: StoreTime, now: StoreTime) -> String {
    let start = startedAt.rfc3339
    let uptime = GoUptime(nanoseconds: startedAt.nanoseconds(to: now))
    var json = JSONWriter()
    json.raw("{\"name\":")
    json.string(self.name.utf8)
    json.raw(",\"id\":\"\(self.memberID)\",\"state\":\"StateLeader\",\"startTime\":\"\(start)\"")
    json.raw(",\"leaderInfo\":{\"leader\":\"\(self.memberID)\",\"uptime\":\"\(uptime)\"")
    json.raw(",\"startTime\":\"\(start)\"},\"recvAppendRequestCnt\":0,\"sendAppendRequestCnt\":0}")
    return String(buffer: json.buffer)
  }

  /// `/v2/stats/leader`: it leads nobody.
  var leaderStatistics: String { "{\"leader\":\"\(self.memberID)\",\"followers\":{}}" }

  var members: String { "{\"members\":[\(self.member)]}\n" }
  var machines: String { self.clientURLs.joined(separator: ", ") }
}

/// A time that has passed, in Go's words: `1h2m3.5s`.
///
/// Source: Go's `Duration.String`, but that what is less than a second is a part of one.
struct GoUptime: CustomStringConvertible {
  let nanoseconds: Int64

  var description: String {
    let (seconds, rest) = max(0, self.nanoseconds).quotientAndRemainder(dividingBy: 1_000_000_000)
    var text = ""
    if seconds >= 3600 { text += "\(seconds / 3600)h" }
    if seconds >= 60 { text += "\(seconds / 60 % 60)m" }
    text += "\(seconds % 60)"
    if rest != 0 {
      let digits = String(rest)
      text += "." + String(repeating: "0", count: 9 - digits.count) + digits
      while text.hasSuffix("0") { text.removeLast() }
    }
    return text + "s"
  }
}
