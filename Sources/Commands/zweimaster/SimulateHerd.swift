import ArgumentParser
import CommandLine
import Foundation
import Simulator
import TestCluster

/// `zweimaster simulate herd`: many elections on one store, in simulated time.
struct SimulateHerd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "herd",
    abstract: "Simulate many elections on one store, and what happens to all of them at once.",
    discussion: """
      Each election has two masters with the recipe's timing: a lease of 30 s, and a look every 5 s. \
      The cores run as shipped. The store handles requests one after the other and needs the same time \
      for each. The same command prints the same figures.

        elections  how many elections one store carries
        crash      how takeovers spread when all leaders die at one instant
        jitter     what random pauses change when a store comes back

      Example:  zweimaster simulate herd
                zweimaster simulate herd elections --svg elections.svg
      """)

  /// What happens to all elections at once.
  enum Variant: String, CaseIterable, ExpressibleByArgument {
    case elections, crash, jitter
  }

  @Argument(help: "What is simulated.") var variant = Variant.crash
  @Option(
    help: ArgumentHelp(
      "How many elections. (default: 1000; 'elections' tries several numbers)", valueName: "count"))
  var elections: Int?
  @Option(
    help: ArgumentHelp("How long the store needs for one request.", valueName: "duration"))
  var requestTime = GoDuration(.microseconds(250))
  @Option(help: ArgumentHelp("Write the picture to this file, as SVG.", valueName: "file"))
  var svg: String?

  func validate() throws {
    guard (.microseconds(1)...(.seconds(1))).contains(self.requestTime.duration) else {
      throw ValidationError("--request-time must be between 1us and 1s, not \(self.requestTime)")
    }
    guard let elections else { return }
    if self.variant == .elections {
      throw ValidationError("--elections does not go with 'elections', which tries several numbers")
    }
    if !(1...100_000).contains(elections) {
      throw ValidationError("--elections must be between 1 and 100000, not \(elections)")
    }
  }

  func run() throws {
    Interruption.endsAtOnce()
    switch self.variant {
    case .elections: try self.runElections()
    case .crash: try self.runCrash()
    case .jitter: try self.runJitter()
    }
  }

  private var count: Int { self.elections ?? 1_000 }

  private func herd(_ elections: Int) -> ThunderingHerd {
    ThunderingHerd(elections: elections, requestTime: self.requestTime.duration)
  }

  /// Runs the herds one after the other, and shows how far they are: each takes as long as it has elections.
  private func reports(of herds: [ThunderingHerd]) -> [ThunderingHerd.Report] {
    let display = ProgressDisplay("zweimaster")
    let all = herds.map(\.elections).reduce(0, +)
    return display.during(LongTask("elections", of: all)) {
      var before = 0
      return herds.map { herd in
        defer { before += herd.elections }
        return herd.run { fraction in
          display.update { $0.done = before + Int(fraction * Double(herd.elections)) }
        }
      }
    }
  }

  private func draw(_ picture: String) throws {
    guard let svg else { return }
    do {
      try picture.write(toFile: svg, atomically: true, encoding: .utf8)
    } catch {
      throw ValidationError("--svg: \(svg): \(error.localizedDescription)")
    }
    print("picture: \(svg)")
  }

  /// How many elections one store carries, and what happens when all leaders die then.
  private func runElections() throws {
    let each = self.herd(100).run().usualLoad / 100
    print("requests      \(each.rounded(2)) a second for each election with two masters\n")
    var rows: [[String]] = []
    var points: [(x: Double, y: Double)] = []
    var longest: [(x: Double, y: Double)] = []
    let capacity = 1 / (self.requestTime.duration / .seconds(1)) / each
    let percents = [10, 25, 50, 70, 80, 90, 100, 110]
    let counts = percents.map { Int(Double($0) / 100 * capacity) }
    let reports = self.reports(of: counts.map { self.herd(max(1, $0)) })
    for (percent, (count, report)) in zip(percents, zip(counts, reports)) {
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
    try self.draw(
      LinePlot(
        "All leaders die at once: until the other masters' pods run", x: "how busy the store is, %",
        y: "seconds",
        lines: [.init("99 % of the elections", points), .init("the last one", longest)]
      ).svg)
  }

  /// How takeovers spread when all leaders die at one instant.
  private func runCrash() throws {
    let reports = self.reports([
      ("leaders that had started within 5 s", { $0.startWithin = .seconds(5) }),
      ("leaders that had started at one instant", { $0.startWithin = .milliseconds(1) }),
      (
        "within 5 s; the store's watches deliver nothing",
        { ($0.startWithin, $0.tellsWatchers) = (.seconds(5), false) }
      ),
    ])
    print(
      TextTable(
        header: ["\(self.count) ELECTIONS"] + ThunderingHerd.Report.cellNames
          + ["PEAK IN 0.1 S", "TAKEN OVER"],
        rows: reports.map { name, report in
          [name] + report.cells + ["\(report.peak)", report.violation ?? "all"]
        }))
    try self.draw(
      LinePlot(
        "\(self.count) leaders die at one instant", x: "seconds after their death",
        y: "% of the elections whose pod runs elsewhere", lines: reports.map { $1.line($0) }
      ).svg)
  }

  /// What random pauses change when a store comes back.
  private func runJitter() throws {
    let reports = self.reports(
      [("with jitter", true), ("without", false)].map { name, isJittered in
        (name, { ($0.isJittered, $0.blow) = (isJittered, .storeRestarts) })
      })
    print(
      TextTable(
        header: ["\(self.count) ELECTIONS", "REQUESTS/S", "PEAK IN 0.1 S", "LEASES LOST", "WRONG"],
        rows: reports.map { name, report in
          [
            name, "\(Int(report.usualLoad))", "\(report.peak)", "\(report.losses)",
            report.violation ?? "none",
          ]
        }))
    try self.draw(
      LinePlot(
        "\(self.count) elections when their store is killed after 5 s, and back after 7",
        x: "seconds", y: "requests in 0.1 s",
        lines: reports.map { $1.loadLine($0, seconds: -5..<25) }
      ).svg)
  }

  /// Runs the same elections with changes.
  private func reports(
    _ variants: [(name: String, change: (inout ThunderingHerd) -> Void)]
  ) -> [(name: String, report: ThunderingHerd.Report)] {
    let herds = variants.map { _, change in
      var herd = self.herd(self.count)
      change(&herd)
      return herd
    }
    return zip(variants, self.reports(of: herds)).map { ($0.name, $1) }
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

  /// The share of elections that were taken over, in percent, against seconds.
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
