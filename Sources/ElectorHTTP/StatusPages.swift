import Elector
import FoundationEssentials
import PrometheusText

/// The answer to `GET /metrics`.
enum ElectionMetrics {
  static let contentType = "\(MetricsPage.contentType)"

  /// - Parameter looks: each election's status, and the instant on its clock.
  static func page(_ looks: [(status: ElectionStatus, now: Instant)]) -> String {
    var page = MetricsPage()
    func gauge(
      _ name: String, _ help: String, _ value: (ElectionStatus, Instant) -> Double?
    ) {
      page.add(
        "elector_\(name)", .gauge, help,
        looks.compactMap { status, now in
          value(status, now).map { (MetricsPage.label("key", status.key), $0) }
        })
    }
    func counter(
      _ name: String, _ help: String, _ label: String, _ values: (ElectionStatus) -> [String: Int]
    ) {
      page.add(
        "elector_\(name)_total", .counter, help,
        looks.flatMap { status, _ in
          values(status).sorted { $0.key < $1.key }.map {
            let key = MetricsPage.label("key", status.key)
            return ("\(key),\(MetricsPage.label(label, $0.key))", Double($0.value))
          }
        })
    }
    gauge("leader", "1 while we hold the lease and have not given it up.") { status, _ in
      status.snapshot.leads ? 1 : 0
    }
    gauge("manifest_installed", "1 while the manifest is in place.") { status, _ in
      status.snapshot.isInstalled ? 1 : 0
    }
    gauge("manifest_stuck", "1 while the disk lets the manifest be neither written nor removed.") {
      status, _ in status.snapshot.stuck == nil ? 0 : 1
    }
    gauge("term", "The token of the lock's holder.") { status, _ in
      status.snapshot.term.map { Double($0) }
    }
    // Both at the instant of the request, not of the loop's last turn.
    gauge("renewal_age_seconds", "The time since we sent the request that was granted last.") {
      status, now in
      status.snapshot.renewalAge.map { ($0 + (now - status.turnedAt)) / .seconds(1) }
    }
    gauge("lease_rest_seconds", "The time for which our lease is certainly valid.") { status, now in
      status.snapshot.leaseRest.map { max(.zero, $0 - (now - status.turnedAt)) / .seconds(1) }
    }
    gauge("healthy", "1 while the election can work: its loop turns, and the store answers.") {
      status, now in
      status.standstill(at: now) == nil && status.trouble(at: now) == nil ? 1 : 0
    }
    gauge("paused", "1 while it has stepped down until resume.") { status, _ in
      status.snapshot.isSteppedDown ? 1 : 0
    }
    counter("takeovers", "How often this elector became the master.", "reason") { $0.takeovers }
    counter("losses", "How often this elector lost the lock.", "reason") { $0.losses }
    counter("errors", "Failures by kind.", "kind") { $0.errors }
    page.add(
      "elector_fences_total", .counter,
      "How often it removed the manifest because it could not trust the lease.",
      looks.map { (MetricsPage.label("key", $0.status.key), Double($0.status.fences)) })
    return page.text
  }
}

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
