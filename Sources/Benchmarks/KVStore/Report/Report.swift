/// What was measured, where and how.
package struct Report: Equatable, Sendable {
  package struct Setting: Equatable, Sendable {
    package var date: String
    package var machine: Machine
    /// For example `("etcd", "3.4.23")`.
    package var versions: [Version]
    package var command: String
    package var rounds: Int
    package var seconds: Int
    /// Whether the sizes were cut down, so that the figures say nothing.
    package var isQuick: Bool

    package init(
      date: String, machine: Machine, versions: [Version], command: String, rounds: Int,
      seconds: Int, isQuick: Bool
    ) {
      self.date = date
      self.machine = machine
      self.versions = versions
      self.command = command
      self.rounds = rounds
      self.seconds = seconds
      self.isQuick = isQuick
    }
  }

  package struct Version: Equatable, Sendable {
    package var program: String
    package var text: String

    package init(_ program: String, _ text: String) {
      self.program = program
      self.text = text
    }
  }

  package let setting: Setting
  package let rows: [Row]

  package init(setting: Setting, rows: [Row]) {
    self.setting = setting
    self.rows = rows
  }

  /// The one table; as legible on a terminal as in Markdown.
  package var table: String {
    MarkdownTable(
      header: [
        "load", "kvstore", "compared with", "ratio", "lowest to highest", "goal", "reached",
      ],
      rows: self.rows.map(Self.cells)
    ).description
  }

  private static func cells(_ row: Row) -> [String] {
    let comparison = row.comparison
    return [
      comparison.title,
      comparison.unit.text(row.measured),
      "\(comparison.unit.text(row.against)) (\(comparison.againstName))",
      row.ratio.map(FigureUnit.ratio) ?? "–",
      row.ratios.map { "\(FigureUnit.ratio($0.lowest)) to \(FigureUnit.ratio($0.highest))" } ?? "–",
      comparison.goal?.text(comparison.unit) ?? "",
      row.isReached.map { $0 ? "yes" : "**no**" } ?? "",
    ]
  }

  /// One line: how many goals there are, and how many were reached.
  package var summary: String {
    let verdicts = self.rows.compactMap(\.isReached)
    return "\(verdicts.filter { $0 }.count) of \(verdicts.count) goals reached"
  }

  /// The whole document.
  package func markdown(plot: String) -> String {
    let setting = self.setting
    let machine = setting.machine
    let versions = setting.versions.map { "| \($0.program) | \($0.text) |" }
    return """
      # kvstore beside etcd

      Written by `make bench`; do not edit. \(self.summary).
      \(setting.isQuick ? "\n**A smoke run on cut-down sizes: its figures say nothing.**\n" : "")
      ![The ratios of the table as a plot](\(plot))

      \(self.table)

      ## How to read it

      - Each figure is the median of \(setting.rounds) rounds. The ratio is that of the two medians; the
        next column has the lowest and the highest ratio of a single round.
      - kvstore, etcd and the bare server run at the same time on the same machine and the same file
        system, each with a fresh data directory. A round gives each load to one after the other, for
        \(setting.seconds) s each; every other round goes through them the other way round.
      - The load comes from the same machine and takes its share of the cores, from all of them alike:
        `wrk` with one thread for throughput, SwiftNIO clients for watches and expiry.
      - Values have 100 bytes. A PUT is answered when it is on the disk, by both. CPU is the user and
        system time of the server's process, divided by the requests that were answered.
      - The bare server is SwiftNIO's stock HTTP/1 codec with a fixed answer, as long as the body of
        kvstore's.
      - Watchers are long polls, all of them waiting when the write is sent. "From the write's answer" is
        0 when the last watcher had its answer before the writer had his.
      - Lateness of an expiry is counted from the sending of the PUT plus the TTL, so it has that PUT's
        own duration in it.
      - A lease is renewed as the elector does it: a PUT with `prevIndex` of the answer before, value and
        TTL.

      ## Where it was measured

      | | |
      | --- | --- |
      | date | \(setting.date) |
      | processor | \(machine.processor), \(machine.cores) cores |
      | memory | \(machine.memory) |
      | kernel | \(machine.kernel) |
      | file system | \(machine.fileSystem) |
      \(versions.joined(separator: "\n"))
      | command | `\(setting.command)` |

      """
  }
}

/// A table in Markdown whose columns are as wide as their widest cells.
package struct MarkdownTable: Equatable, CustomStringConvertible {
  package let header: [String]
  package let rows: [[String]]

  /// The lines, without a line break at the end.
  package var description: String {
    let lines = ([self.header] + self.rows).map { $0.map { $0.replacing("|", with: "\\|") } }
    let widths = self.header.indices.map { column in
      max(3, lines.map { $0[column].count }.max() ?? 0)
    }
    var text = lines.map { cells in
      zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
    }
    text.insert(widths.map { String(repeating: "-", count: $0) }, at: 1)
    return text.map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
  }
}
