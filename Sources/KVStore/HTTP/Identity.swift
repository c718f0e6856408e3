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

  var members: String { "{\"members\":[\(self.member)]}\n" }
  var machines: String { self.clientURLs.joined(separator: ", ") }
}
