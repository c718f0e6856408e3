import ArgumentParser
import CommandLine
import Foundation
import Simulator
import TestCluster

/// `zweimaster scale`: many elections on one store, in simulated time.
struct Scale: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Simulate many elections on one store: how many it carries, and a herd of takeovers.",
    discussion: """
      Each election has two masters with the recipe's timing, a lease of 30 s and a look each 5 s. The cores \
      run as they are shipped; the store takes requests one after the other and needs the same time for each. \
      The same command gives the same figures.
      """,
    subcommands: [ScaleElections.self, ScaleHerd.self, ScaleJitter.self])
}

struct ScaleOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("What the store needs for one request.", valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var requestTime = GoDuration(.microseconds(250))
  @Option(help: ArgumentHelp("Write the plot there, as SVG.", valueName: "file")) var svg: String?

  func validate() throws {
    guard (.microseconds(1)...(.seconds(1))).contains(self.requestTime.duration) else {
      throw ValidationError("--request-time must be between 1us and 1s, not \(self.requestTime)")
    }
  }

  func write(_ plot: LinePlot) throws {
    guard let svg else { return }
    do {
      try plot.svg.write(toFile: svg, atomically: true, encoding: .utf8)
    } catch {
      throw ValidationError("--svg: \(svg): \(error.localizedDescription)")
    }
    print("plot: \(svg)")
  }
}

/// A herd whose size is given.
struct HerdOptions: ParsableArguments {
  @Option(help: "How many elections.") var elections = 1_000
  @OptionGroup var scale: ScaleOptions

  func validate() throws {
    if !(1...100_000).contains(self.elections) {
      throw ValidationError("--elections must be between 1 and 100000, not \(self.elections)")
    }
  }

  var herd: ThunderingHerd {
    ThunderingHerd(elections: self.elections, requestTime: self.scale.requestTime.duration)
  }
}

extension ThunderingHerd.Report {
  /// A row's cells of takeovers.
  fileprivate var cells: [String] {
    [50, 90, 99, 100].map { percent in
      self.takeover(percent: percent).map { "\($0.rounded(2)) s" } ?? "none"
    }
  }

  fileprivate static let cellNames = ["MEDIAN", "P90", "P99", "LONGEST"]

  /// So many percent have been taken over after so many seconds.
  fileprivate func line(_ name: String) -> LinePlot.Line {
    let count = Double(max(1, self.takeovers.count))
    return LinePlot.Line(
      name,
      [(x: 0, y: 0)]
        + self.takeovers.enumerated().map { (x: $1, y: 100 * Double($0 + 1) / count) })
  }

  /// Requests in each tenth of a second around the blow.
  fileprivate func loadLine(_ name: String, seconds: Range<Int>) -> LinePlot.Line {
    let slots = (seconds.lowerBound * 10)..<(seconds.upperBound * 10)
    return LinePlot.Line(
      name,
      slots.map { slot in
        let index = self.blow + slot
        let count = self.load.indices.contains(index) ? self.load[index] : 0
        return (x: Double(slot - slots.lowerBound) / 10, y: Double(count))
      })
  }
}

/// `zweimaster scale elections`.
struct ScaleElections: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elections",
    abstract: "How many elections a store carries, and what happens when all leaders die then.")

  @OptionGroup var options: ScaleOptions

  func run() throws {
    let time = self.options.requestTime.duration
    let small = ThunderingHerd(elections: 100, requestTime: time).run()
    let each = small.usualLoad / 100
    print("requests      \(each.rounded(2)) a second for each election with two masters\n")
    var rows: [[String]] = []
    var points: [(x: Double, y: Double)] = []
    var longest: [(x: Double, y: Double)] = []
    for percent in [10, 25, 50, 70, 80, 90, 100, 110] {
      let count = Int(Double(percent) / 100 / (time / .seconds(1)) / each)
      let report = ThunderingHerd(elections: max(1, count), requestTime: time).run()
      rows.append(
        ["\(percent) %", "\(count)", "\(Int(report.usualLoad))", "\(report.losses)"] + report.cells
          + [report.violation ?? "all"])
      if let p99 = report.takeover(percent: 99) { points.append((x: Double(percent), y: p99)) }
      if let last = report.takeover(percent: 100) { longest.append((x: Double(percent), y: last)) }
    }
    print(
      TextTable(
        header: ["BUSY", "ELECTIONS", "REQUESTS/S", "LEASES LOST"] + ThunderingHerd.Report.cellNames
          + ["TAKEN OVER"], rows: rows))
    try self.options.write(
      LinePlot(
        "All leaders die at once: until the other masters' pods run", x: "how busy the store is, %",
        y: "seconds",
        lines: [.init("99 % of the elections", points), .init("the last one", longest)]))
  }
}

/// `zweimaster scale herd`.
struct ScaleHerd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "herd", abstract: "How takeovers spread when many leaders die at one instant.")

  @OptionGroup var options: HerdOptions

  func run() throws {
    var rows: [[String]] = []
    var lines: [LinePlot.Line] = []
    for (name, startWithin, tells) in [
      ("leaders that started within 5 s", Duration.seconds(5), true),
      ("leaders that started at one instant", .milliseconds(1), true),
      ("within 5 s; the store tells of nothing", .seconds(5), false),
    ] {
      var herd = self.options.herd
      herd.startWithin = startWithin
      herd.tellsWatchers = tells
      let report = herd.run()
      rows.append(
        [name] + report.cells
          + ["\(report.peak)", report.violation ?? "all"])
      lines.append(report.line(name))
    }
    print(
      TextTable(
        header: ["\(self.options.elections) ELECTIONS"] + ThunderingHerd.Report.cellNames
          + ["PEAK IN 0.1 S", "TAKEN OVER"], rows: rows))
    try self.options.scale.write(
      LinePlot(
        "\(self.options.elections) leaders die at one instant", x: "seconds after their death",
        y: "% of the elections whose pod runs elsewhere", lines: lines))
  }
}

/// `zweimaster scale jitter`.
struct ScaleJitter: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jitter",
    abstract: "What it buys that pauses are drawn out by chance: the load when a store comes back.")

  @OptionGroup var options: HerdOptions

  func run() throws {
    var rows: [[String]] = []
    var lines: [LinePlot.Line] = []
    for (name, isJittered) in [("with jitter", true), ("without", false)] {
      var herd = self.options.herd
      herd.isJittered = isJittered
      herd.blow = .storeRestarts
      let report = herd.run()
      rows.append(
        [
          name, "\(Int(report.usualLoad))", "\(report.peak)", "\(report.losses)",
          report.violation ?? "none",
        ])
      lines.append(report.loadLine(name, seconds: -5..<25))
    }
    print(
      TextTable(
        header: [
          "\(self.options.elections) ELECTIONS", "REQUESTS/S", "PEAK IN 0.1 S", "LEASES LOST",
          "WRONG",
        ], rows: rows))
    try self.options.scale.write(
      LinePlot(
        "\(self.options.elections) elections when their store is killed after 5 s, and back after 7",
        x: "seconds", y: "requests in 0.1 s", lines: lines))
  }
}
