import Foundation
import PrometheusText
import TestSupport
import Testing

@testable import KVStore

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct MetricsPageTests {
  @Test func aHistogramIsCumulativeOnThePage() {
    var histogram = Histogram(doublingFrom: 0.5, count: 3)
    for value in [0.25, 0.5, 1.5, 9] { histogram.record(value) }
    var page = MetricsPage()
    page.add("m", "Help.", histogram)
    #expect(
      page.text == """
        # HELP m Help.
        # TYPE m histogram
        m_bucket{le="0.5"} 2
        m_bucket{le="1"} 2
        m_bucket{le="2"} 3
        m_bucket{le="+Inf"} 4
        m_sum 11.25
        m_count 4

        """)
  }

  @Test func aLabelIsEscaped() {
    #expect(MetricsPage.label("a", "x\"y\\z\n") == #"a="x\"y\\z\n""#)
  }

  /// Each line is a comment or a sample, and each sample belongs to a metric that was declared before.
  @Test func thePageIsWellFormed() async throws {
    try await withServer { client in
      _ = try await client.put("/a", "value=1")
      let answer = try await client.send(.GET, "/metrics")
      #expect(
        answer.headers.first(name: "Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
      #expect(answer.text.hasSuffix("\n"))
      var declared: Set<String> = []
      for line in answer.text.split(separator: "\n") {
        if let head = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/) {
          #expect(declared.insert(String(head.1)).inserted, "declared twice: \(line)")
        } else if !line.hasPrefix("# HELP ") {
          let sample = try #require(
            line.wholeMatch(of: /([a-z_]+)(\{(?:[a-zA-Z_]+="[^"]*",?)+\})? (\S+)/),
            "\(line)")
          let base = sample.1.replacing(/_(bucket|sum|count)$/, with: "")
          #expect(
            declared.contains(String(sample.1)) || declared.contains(String(base)), "\(line)")
          #expect(Double(sample.3) != nil, "\(line)")
        }
      }
    }
  }

  @Test(arguments: [
    #"etcd_debugging_store_reads_total{action="get"} 1"#,
    #"etcd_debugging_store_reads_failed_total{action="getRecursive"} 1"#,
    #"etcd_debugging_store_writes_total{action="set"} 2"#,
    #"etcd_debugging_store_writes_failed_total{action="create"} 1"#,
    "etcd_debugging_store_watch_requests_total 1", "etcd_debugging_store_watchers 1",
    "etcd_disk_wal_fsync_duration_seconds_count 2", "kvstore_commit_changes_sum 2",
    "kvstore_index 2", "kvstore_expiring_keys 1", "etcd_server_has_leader 1",
    #"etcd_cluster_version{cluster_version="3.4"} 1"#,
  ])
  func tellsWhatHappened(line: String) async throws {
    try await withServer { client in
      _ = try await client.put("/a", "value=1")
      _ = try await client.put("/b", "value=1&ttl=100")
      _ = try await client.put("/a?prevExist=false", "value=1")
      _ = try await client.get("/a")
      _ = try await client.get("/none?recursive=true")
      let watch = try await client.watch("/a?wait=true")
      let page = try await client.send(.GET, "/metrics").text
      #expect(page.split(separator: "\n").contains { $0 == line })
      _ = watch
    }
  }

  @Test func knowsItsOwnProcess() throws {
    let figures = try #require(ProcessFigures())
    #expect(figures.residentBytes > 1_000_000)
    #expect(figures.virtualBytes >= figures.residentBytes)
    #expect(figures.openDescriptors > 2)
    #expect(figures.maxDescriptors >= figures.openDescriptors)
    let now = Date.now.timeIntervalSince1970
    #expect((now - 24 * 3600...now + 1).contains(figures.startSeconds))
  }
}
