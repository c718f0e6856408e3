import FoundationEssentials
import Glibc
import Subprocess
import TestSupport
import Testing

extension EndToEnd {
  /// What takes long says how far it is, and ctrl-C ends it at once and clean: on real pseudo-terminals.
  @Suite struct ProgressTests {
    private static let clear = "\r\u{1B}[K"

    /// What is on the terminal's last line after each time that it was written again.
    private static func bars(_ output: String) -> [Substring] {
      output.split(separator: self.clear).filter { $0.contains(" %") }
    }

    /// None of these ends by itself soon.
    @Test(arguments: [
      ("zweimaster", ["simulate", "--seeds=100000000"]),
      ("zweimaster", ["simulate", "herd", "--elections=20000"]),
      ("zweimaster", ["demo", "--ttl-secs=30", "--state-dir=DIR"]),
      ("zweimaster", ["failures", "--store=kvstore", "--state-dir=DIR"]),
      ("zweimaster-bench", ["failover", "--state-dir=DIR"]),
      ("zweimaster-bench", ["elections", "--count=20", "--state-dir=DIR"]),
      ("zweimaster-bench", ["kubelet", "--pods=10", "--state-dir=DIR"]),
      ("zweimaster-bench", ["start", "--rounds=1000", "--state-dir=DIR"]),
      ("zweimaster-bench", ["api", "--rounds=1000", "--state-dir=DIR"]),
    ])
    func `a bar stands on the last line, from two seconds on until ctrl-C`(
      _ program: String, _ arguments: [String]
    ) async throws {
      try await TemporaryDirectory.with { directory in
        let line = [BuiltProgram(program).path] + arguments
        let begin = ContinuousClock.now
        let (status, output) = try await PseudoTerminal.run(
          line.map { $0.replacing("DIR", with: directory) }, columns: 60
        ) { terminal in
          try await eventually("for a bar") { !Self.bars(terminal.output).isEmpty }
          #expect(ContinuousClock.now - begin >= .seconds(2), "it came too soon")
          try await eventually("for two bars") { Self.bars(terminal.output).count >= 2 }
          terminal.press("\u{3}")
        }
        #expect(status == .exited(130), "\(output)")
        for bar in Self.bars(output) {
          let shown = bar.prefix { $0 != "\r" && $0 != "^" && !$0.isNewline }
          #expect(shown.count < 60, "\(shown)")
        }
        // The bar is gone; what comes after it are whole lines.
        let rest = output.components(separatedBy: Self.clear).last ?? ""
        #expect(!rest.contains(" %") && (rest.isEmpty || rest.hasSuffix("\r\n")), "\(rest)")
        #expect(PseudoTerminal.processes(naming: directory).isEmpty)
      }
    }

    @Test func `a terminal that cannot rewrite a line, and a file, get lines now and then`()
      async throws
    {
      let begin = ContinuousClock.now
      let (_, output) = try await PseudoTerminal.run(
        [BuiltProgram("zweimaster").path, "simulate", "--seeds=100000000"], columns: 60,
        environment: "TERM=dumb"
      ) { terminal in
        try await eventually("for a line") { terminal.output.contains("zweimaster: ") }
        terminal.press("\u{3}")
      }
      #expect(ContinuousClock.now - begin >= .seconds(10))
      #expect(!output.contains("\u{1B}"))
      #expect(output.contains(/zweimaster: [\d,]+ of 100,000,000 seeds, \d+ %, \d+ s so far/))
    }

    @Test func `a signal that was ignored before, as by nohup, is ignored still`() async throws {
      let record = try await Subprocess.run(
        .path("/bin/bash"),
        arguments: [
          "-c", #"trap "" HUP; exec "$0" simulate --seeds=100000000"#,
          BuiltProgram("zweimaster").path,
        ], input: .none, output: .sequence, error: .discarded
      ) { execution in
        for try await line in execution.standardOutput.strings() {
          guard line.hasPrefix("seeds 0 to") else { continue }
          // Of two signals that wait, the first by number would end it.
          kill(execution.processIdentifier.value, SIGHUP)
          kill(execution.processIdentifier.value, SIGINT)
        }
      }
      #expect(record.terminationStatus == .signaled(SIGINT))
    }
  }
}

/// A program on a pseudo-terminal of `script`, whose keys a test presses.
private struct PseudoTerminal: Sendable {
  private let keys: Int32
  private let file: String

  var output: String { contents(self.file) ?? "" }

  func press(_ keys: String) { _ = Glibc.write(self.keys, keys, keys.utf8.count) }

  /// Runs the program to its end beside the body.
  static func run(
    _ line: [String], columns: Int, environment: String = "TERM=xterm",
    _ body: @escaping @Sendable (PseudoTerminal) async throws -> Void
  ) async throws -> (status: TerminationStatus, output: String) {
    let place = FileManager.default.temporaryDirectory
      .appending(path: "terminal-\(UUID().uuidString)").path
    defer { for end in ["keys", "output"] { unlink("\(place).\(end)") } }
    try #require(mkfifo("\(place).keys", 0o600) == 0)
    // Open at both ends: neither open waits for the other, and the terminal never sees an end.
    let keys = open("\(place).keys", O_RDWR | O_CLOEXEC)
    defer { close(keys) }
    let terminal = PseudoTerminal(keys: keys, file: "\(place).output")
    let words = line.map { "'\($0)'" }.joined(separator: " ")
    var options = PlatformOptions()
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(5))]
    let record = try await Subprocess.run(
      .path("/bin/bash"),
      arguments: [
        "-c", #"exec script -qefc "$1" /dev/null <"$2" >"$3""#, "bash",
        "stty cols \(columns); exec env -u COLUMNS \(environment) \(words)", "\(place).keys",
        terminal.file,
      ], platformOptions: options, input: .none, output: .discarded, error: .discarded
    ) { _ in
      try await body(terminal)
    }
    return (record.terminationStatus, terminal.output)
  }

  /// The command lines of this machine's processes that name a path.
  static func processes(naming path: String) -> [String] {
    let files = FileManager.default
    return ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).filter { Int($0) != nil }
      .compactMap { contents("/proc/\($0)/cmdline") }.filter { $0.contains(path) }
  }
}
