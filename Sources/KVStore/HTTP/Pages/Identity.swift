/// The cluster and its one member, as clients see them.
struct Identity: Sendable {
  /// A restart keeps them.
  let clusterNumber: UInt64
  let memberNumber: UInt64
  /// The same in hexadecimal.
  let clusterID: String
  let memberID: String
  let name: String
  /// Clients switch to these addresses.
  let clients: [ListenAddress]

  /// The version of etcd whose API this is; clients choose their requests by it.
  static let etcdVersion = "3.4.23"
  static let clusterVersion = "3.4.0"
  /// There is no raft here; some clients want its numbers. It is that of a new etcd of one member.
  static let raftTerm: UInt64 = 2

  init(clusterID: UInt64, name: String, clients: [ListenAddress]) {
    self.clusterNumber = clusterID
    // There is one member, so its id can follow from the cluster's.
    self.memberNumber = clusterID ^ 0x5a5a_5a5a_5a5a_5a5a
    self.clusterID = String(clusterID, radix: 16)
    self.memberID = String(self.memberNumber, radix: 16)
    self.name = name
    self.clients = clients
  }

  var version: String {
    "{\"etcdserver\":\"\(Self.etcdVersion)\",\"etcdcluster\":\"\(Self.clusterVersion)\"}"
  }

  /// An entry of `/v2/members`. Without peers it has no peer addresses.
  /// - Parameter address: the address that the client has connected to.
  func member(reachedAt address: String?) -> String {
    var json = JSONWriter()
    json.raw("{\"id\":\"\(self.memberID)\",\"name\":")
    json.string(self.name.utf8)
    json.raw(",\"peerURLs\":[],\"clientURLs\":[")
    for (position, client) in self.clients.enumerated() {
      if position > 0 { json.raw(",") }
      json.string(client.url(reachedAt: address).utf8)
    }
    json.raw("]}")
    return String(buffer: json.buffer)
  }

  /// `/v2/stats/self`: the member leads from its start.
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

  /// `/v2/stats/leader`: there are no followers.
  var leaderStatistics: String { "{\"leader\":\"\(self.memberID)\",\"followers\":{}}" }

  func members(reachedAt address: String?) -> String {
    "{\"members\":[\(self.member(reachedAt: address))]}\n"
  }

  func machines(reachedAt address: String?) -> String {
    self.clients.map { $0.url(reachedAt: address) }.joined(separator: ", ")
  }
}
