import Foundation
import TestCluster

/// `docs/measured/kvstore.md`: what was measured, where and how.
package struct KVStorePage: Sendable {
  var date: String
  var machine: Machine
  /// For example `("etcd", "3.4.23")`.
  var versions: [(program: String, text: String)]
  var command: String
  var rounds: Int
  var seconds: Int
  /// Whether the sizes are too small for figures that mean something.
  var isQuick: Bool
  /// The PUTs of the open loop in a second; `nil` without that load.
  var openLoopRate: Double?
  var rows: [ComparisonRow]

  /// Writes the page, and its plot.
  func write(to directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (name, text) in [
      ("kvstore.svg", RatioPlot(self.rows).svg), ("kvstore.md", self.markdown(plot: "kvstore.svg")),
    ] {
      try text.write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
    }
  }

  /// The whole page.
  func markdown(plot: String) -> String {
    let machine = self.machine
    let versions = self.versions.map { "| \($0.program) | \($0.text) |" }
    return """
      # kvstore beside etcd

      For readers who choose between `kvstore` and a real etcd: after this page you know which of the two is faster on which
      load, and by how much.

      Written by `make bench WHAT=kvstore`; do not edit. \(ComparisonRow.summary(self.rows)).
      \(self.isQuick ? "\n**A smoke run on cut-down sizes: its figures say nothing.**\n" : "")
      ![The ratios of the table as a plot](\(plot))

      \(ComparisonRow.table(self.rows).markdown)

      ## How to read it

      - Each figure is the median of \(self.rounds) rounds. The ratio is that of the two medians; the next column has the lowest and the
        highest ratio of a single round.
      - kvstore, etcd and the bare server run at the same time on the same machine and the same file system, each with a
        fresh data directory. A round gives each load to one server after the other, for \(self.seconds) s each; every other round visits
        them in reverse order.
      - The load comes from the same machine and takes the same share of the cores from every server: `wrk` with one thread
        for throughput, SwiftNIO clients for the open loop, watches and expiry.
      - Values have 100 bytes. Both servers answer a PUT when it is on the disk. CPU is the user and system time of the
        server's process, divided by the requests that it answered.
      - The open loop sends PUTs at fixed instants\(self.openLoopRateText), whether or not earlier ones have their answers. Its
        rate is half of the highest rate that etcd reached in this run with 64 connections at full speed. The time of a PUT
        counts from the instant at which it is due. While all of its 64 connections wait for answers, the PUT waits, and its
        wait counts: a server that pauses pays for every PUT that was due in the pause. One PUT of a thousand takes longer
        than p99.9. At full size the load lasts \(Sizes.full.openLoopSeconds) s for each server, so updates of kvstore's tables (every 5 s) and
        their checkpoints are part of it.
      - Two lines have the CPU per PUT of the largest store: beside a small kvstore, and beside an etcd with as many keys.
        etcd writes a snapshot of all its keys every 100,000 changes (`--snapshot-count`): some rounds have one, others none.
      - The bare server is SwiftNIO's stock HTTP/1 codec with a fixed answer of the length of kvstore's body.
      - Watchers are long polls, and all of them wait when the write is sent. "From the write's answer" is 0 when the last
        watcher had its answer before the writer had its own.
      - The lateness of an expiry counts from the sending of the PUT plus the TTL, so it includes the duration of that PUT.
      - A lease is renewed as the elector renews it: a PUT with `prevIndex` of the answer before, value and TTL.

      ## Where it was measured

      | | |
      | --- | --- |
      | date | \(self.date) |
      | processor | \(machine.processor), \(machine.cores) cores |
      | memory | \(machine.memory) |
      | kernel | \(machine.kernel) |
      | file system | \(machine.fileSystem) |
      \(versions.joined(separator: "\n"))
      | command | `\(self.command)` |

      """
  }

  private var openLoopRateText: String {
    self.openLoopRate.map { ", \(FigureUnit.grouped(Int($0))) a second to either server" } ?? ""
  }
}
