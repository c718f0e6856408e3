import PrometheusText
import Synchronization

/// Counts requests for `/metrics`.
final class RequestCounts: Sendable {
  private struct Key: Hashable, Sendable {
    let method: String
    let code: Int
  }

  private let counts = Mutex<[Key: Int]>([:])

  func count(method: String, code: Int) {
    self.counts.withLock { $0[Key(method: method, code: code), default: 0] += 1 }
  }

  /// - Parameter watches: the number of watchers of each resource.
  func page(_ watches: [String: Int]) -> String {
    var page = MetricsPage()
    page.add(
      "apiserver_request_total", .counter, "Requests, by method and answer.",
      self.counts.withLock { $0 }.sorted {
        ($0.key.method, $0.key.code) < ($1.key.method, $1.key.code)
      }.map { key, count in
        let labels = [
          MetricsPage.label("verb", key.method), MetricsPage.label("code", "\(key.code)"),
        ]
        return (labels.joined(separator: ","), Double(count))
      })
    page.add(
      "apiserver_registered_watchers", .gauge, "Watchers, by resource.",
      watches.sorted { $0.key < $1.key }.map {
        (MetricsPage.label("kind", $0.key), Double($0.value))
      })
    return page.text
  }
}
