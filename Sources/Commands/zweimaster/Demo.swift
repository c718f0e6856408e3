import ArgumentParser
import CommandLine
import FaultCampaigns
import FoundationEssentials

struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See it all in half a minute: two masters, a crash, a return, a hand-over.",
    discussion: """
      Exits 0 when everything was as promised. Otherwise it exits 1 and keeps the logs.

      Example:  zweimaster demo
                zweimaster demo --ttl-secs 30 --sleep 5s    (the recipe's own timing)
      """)

  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard self.options.masters >= 2 else {
      throw ValidationError("--masters is 1, but a takeover needs another one: use 2 or more")
    }
  }

  func run() async throws {
    let console = Console()
    let directory = self.options.state.directory
    let isNew = !FileManager.default.fileExists(atPath: directory)
    let demo = try DemoRun(
      try self.options.configuration(report: { console.line("   - \($0)") }),
      report: { console.line($0) },
      stepped: { step in
        console.progress.update { $0.step = "step \(step) of \(DemoRun.steps)" }
      })
    let promises: [DemoPromise]
    do {
      let steps = LongTask("", of: 0, usual: demo.usualTime)
      promises = try await console.progress.during(steps) {
        try await console.untilSignal(logs: directory) { try await demo.run() }
      }
    } catch let error as ExitCode {
      throw error
    } catch {
      console.line("\nThe demo did not come to its end; logs are in \(directory).")
      throw error
    }
    console.line("\nSummary\n\n\(DemoPromise.table(promises))\n")
    guard promises.allSatisfy(\.isKept) else {
      console.line("Not everything was as promised; logs and manifests are in \(directory).")
      throw ExitCode.failure
    }
    console.line(DemoText.allKept)
    if isNew { try FileManager.default.removeItem(atPath: directory) }
  }
}
