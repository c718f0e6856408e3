import Elector
import PrometheusText

/// What `GET /metrics` says.
enum ElectionMetrics {
  static let contentType = "\(MetricsPage.contentType)"

  static func page(_ status: ElectionStatus, at now: Instant) -> String {
    let key = MetricsPage.label("key", status.key)
    let snapshot = status.snapshot
    var page = MetricsPage()
    func gauge(_ name: String, _ help: String, _ value: Double?) {
      guard let value else { return }
      page.add("elector_\(name)", .gauge, help, [(key, value)])
    }
    func counter(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
      page.add(
        "elector_\(name)_total", .counter, help,
        values.sorted { $0.key < $1.key }.map {
          ("\(key),\(MetricsPage.label(label, $0.key))", Double($0.value))
        })
    }
    gauge("leader", "1 while the lease is ours and believed.", snapshot.leads ? 1 : 0)
    gauge("manifest_installed", "1 while the manifest is there.", snapshot.isInstalled ? 1 : 0)
    gauge("term", "The token of whoever holds the lock.", snapshot.term.map { Double($0) })
    // Of the instant at which the page is made, not of the loop's last turn.
    let passed = now - status.turnedAt
    gauge(
      "renewal_age_seconds", "Since our last granted request was sent.",
      snapshot.renewalAge.map { ($0 + passed) / .seconds(1) })
    gauge(
      "lease_rest_seconds", "For how long our lease is valid at least.",
      snapshot.leaseRest.map { max(.zero, $0 - passed) / .seconds(1) })
    gauge(
      "healthy", "1 while /healthz says so.", status.trouble(at: now) == nil ? 1 : 0)
    gauge(
      "paused", "1 while a person wants it to leave the lock to others.", snapshot.isPaused ? 1 : 0)
    counter("takeovers", "How often we became the master.", "reason", status.takeovers)
    counter("losses", "How often we lost the lock.", "reason", status.losses)
    counter("errors", "What went wrong, by kind.", "kind", status.errors)
    page.add(
      "elector_fences_total", .counter,
      "How often the manifest was taken away since the lease could not be believed.",
      [(key, Double(status.fences))])
    return page.text
  }
}
