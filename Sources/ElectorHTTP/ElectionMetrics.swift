import Elector
import PrometheusText

/// What `GET /metrics` says.
enum ElectionMetrics {
  static let contentType = "\(MetricsPage.contentType)"

  /// - Parameter looks: each election, and the instant of the look on its clock.
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
    gauge("leader", "1 while the lease is ours and believed.") { status, _ in
      status.snapshot.leads ? 1 : 0
    }
    gauge("manifest_installed", "1 while the manifest is there.") { status, _ in
      status.snapshot.isInstalled ? 1 : 0
    }
    gauge("term", "The token of whoever holds the lock.") { status, _ in
      status.snapshot.term.map { Double($0) }
    }
    // Both of the instant at which the page is made, not of the loop's last turn.
    gauge("renewal_age_seconds", "Since our last granted request was sent.") { status, now in
      status.snapshot.renewalAge.map { ($0 + (now - status.turnedAt)) / .seconds(1) }
    }
    gauge("lease_rest_seconds", "For how long our lease is valid at least.") { status, now in
      status.snapshot.leaseRest.map { max(.zero, $0 - (now - status.turnedAt)) / .seconds(1) }
    }
    gauge("healthy", "1 while /healthz says so.") { status, now in
      status.trouble(at: now) == nil ? 1 : 0
    }
    gauge("paused", "1 while a person wants it to leave the lock to others.") { status, _ in
      status.snapshot.isSteppedDown ? 1 : 0
    }
    counter("takeovers", "How often we became the master.", "reason") { $0.takeovers }
    counter("losses", "How often we lost the lock.", "reason") { $0.losses }
    counter("errors", "What went wrong, by kind.", "kind") { $0.errors }
    page.add(
      "elector_fences_total", .counter,
      "How often the manifest was taken away since the lease could not be believed.",
      looks.map { (MetricsPage.label("key", $0.status.key), Double($0.status.fences)) })
    return page.text
  }
}
