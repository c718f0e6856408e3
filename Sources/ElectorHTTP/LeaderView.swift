import Elector
import FoundationEssentials

/// The answer to `GET /leader`.
struct LeaderView: Encodable {
  /// The master's name, empty while it is not known.
  var name: String
  var key: String
  var me: String
  var isLeader: Bool
  var isInstalled: Bool
  var term: UInt64?
  var leaseRestSeconds: Double?
  var waitsForSeconds: Double?
  var isPaused: Bool
  var standsBackForSeconds: Double?

  init(_ status: ElectionStatus) {
    let snapshot = status.snapshot
    self.name = snapshot.leader ?? ""
    self.key = status.key
    self.me = status.name
    self.isLeader = snapshot.leads
    self.isInstalled = snapshot.isInstalled
    self.term = snapshot.term
    self.leaseRestSeconds = snapshot.leaseRest.map { $0 / .seconds(1) }
    self.waitsForSeconds = snapshot.waitsFor.map { $0 / .seconds(1) }
    self.isPaused = snapshot.isSteppedDown
    self.standsBackForSeconds = snapshot.standsBackFor.map { $0 / .seconds(1) }
  }

  /// One election as an object; several in a list.
  static func json(of statuses: [ElectionStatus]) -> String {
    let views = statuses.map { LeaderView($0) }
    return views.count == 1 ? Self.json(views[0]) : Self.json(["elections": views])
  }

  private static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Strings, booleans and finite numbers, which JSON can always hold.
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
