import FoundationEssentials
import Subprocess
import SystemPackage
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  /// The program, used from two terminals, with its own store.
  @Suite(.enabled(if: EndToEnd.store == .kvstore)) struct CommandLineTests {
    @Test func `a cluster is looked at and broken from a second terminal`() async throws {
      try await Terminal.with { terminal in
        let directory = StateDirectory(terminal.directory)
        let processes = try await terminal.whileUp { up in
          try await eventually("for two leaders") {
            let leaders = try await terminal.run("leaders").output
            return leaders.count { $0 == "\n" } == 3 && !leaders.contains("<none>")
              && leaders.contains(/\d+s *\n/)
          }
          try await eventually("for the recipe's table") {
            let pods = try await terminal.run("pods").output
            return pods.hasPrefix("NAME ") && pods.count { $0 == "\n" } == 5
          }
          #expect(
            try await terminal.run("kill", "kube-master1").output == "kube-master1 was killed\n")
          let pods = try await terminal.run("pods")
          #expect(!pods.output.contains("kube-master1"))
          #expect(pods.errors == "zweimaster: kube-master1 is down\n")
          #expect(try await terminal.run("start", "kube-master1").output == "kube-master1 is up\n")
          #expect(try await terminal.run("stop", "kube-master2").output == "kube-master2 is down\n")
          #expect(try await terminal.run("pause", "store").output == "store is paused\n")
          #expect(try await terminal.run("resume", "store").output == "store goes on\n")
          let log = try await terminal.run("logs", "kube-master1", "scheduler-elector").output
          #expect(log.contains("the master") && log.contains("v3 API"))

          let twice = try await terminal.run("up")
          #expect(twice.status == .exited(1))
          #expect(twice.errors.contains("a cluster runs in \(directory.path) already"))
          let unknown = try await terminal.run("kill", "kube-master9")
          #expect(unknown.status == .exited(1))
          #expect(unknown.errors.contains("there is no node kube-master9"))

          let record = try #require(try directory.readRecord())
          #expect(record.supervisor?.pid == up)
          return record.processes.map(\.identity)
        } end: { execution in
          try execution.send(signal: .interrupt)
        }
        #expect(processes.count == 4, "the store, and one master")
        #expect(processes.filter(\.leavesSomething).isEmpty)
        #expect(try directory.readRecord() == ClusterRecord())
        let after = try await terminal.run("pods")
        #expect(after.status == .exited(1))
        #expect(after.errors.contains("start one with 'zweimaster up'"))
      }
    }

    /// The electors' leases are in v3, and the servers' objects in v2 of the same store.
    @Test func `API servers need no flag for the store's API`() async throws {
      try await Terminal.with { terminal in
        try await terminal.whileUp(["--api-servers"]) { _ in
          try await eventually("for two leaders") {
            let leaders = try await terminal.run("leaders").output
            return leaders.count { $0 == "\n" } == 3 && !leaders.contains("<none>")
          }
          let servers = (contents(terminal.log) ?? "").matches(of: /kubectl --server=(\S+)/)
          #expect(servers.count == 2)
          let shown = try await terminal.run("pods").output.split(separator: "\n").dropFirst()
            .compactMap { $0.split(separator: " ").first.map(String.init) }
          for server in servers.map({ String($0.1) }) {
            try await eventually("for the pods at \(server)") {
              try await APIUser(server).list("/api/v1/namespaces/kube-system/pods")
                .map(\.metadata.name).sorted() == shown
            }
          }
          for elector in ["scheduler-elector", "controller-manager-elector"] {
            let log = try await terminal.run("logs", "kube-master1", elector).output
            #expect(log.contains("v3 API"))
          }
        } end: { _ in
          let down = try await terminal.run("down")
          #expect(down.output == "the cluster is down\n")
        }
      }
    }

    @Test func `what a killed supervisor left behind is ended by the next one`() async throws {
      try await Terminal.with { terminal in
        let directory = StateDirectory(terminal.directory)
        func recorded() throws -> [ProcessIdentity] {
          try #require(try directory.readRecord()).processes.map(\.identity)
        }
        let left = try await terminal.whileUp { _ in
          try await eventually("for all processes") { try recorded().count == 7 }
          return try recorded()
        } end: { execution in
          try execution.send(signal: .kill)
        }
        #expect(left.filter { !$0.isAlive }.isEmpty)
        let second = try await terminal.whileUp { _ in
          try await eventually("for all processes") { try recorded().count == 7 }
          #expect(left.filter(\.isAlive).isEmpty)
          #expect(
            contents(terminal.log)?.contains(
              "ending 7 processes that an earlier cluster in this directory left behind") == true)
          return try recorded()
        } end: { _ in
          let down = try await terminal.run("down")
          #expect(down.output == "the cluster is down\n")
        }
        #expect(second.filter(\.leavesSomething).isEmpty)
      }
    }

    @Test(arguments: [[], ["--etcd-api=v2"]])
    func `the demo keeps its promises`(_ flags: [String]) async throws {
      try await Terminal.with { terminal in
        let demo = try await terminal.run(["demo"] + flags)
        #expect(demo.status == .exited(0), "\(demo.output)\(demo.errors)")
        #expect(demo.output.contains("Everything was as promised."))
        #expect(!FileManager.default.fileExists(atPath: terminal.directory))
      }
    }

    @Test func `the recipe has v2, as podmaster has`() async throws {
      let answer = try await BuiltProgram("zweimaster").run(["up", "--recipe", "--etcd-api", "v3"])
      #expect(answer.status == .exited(64))
      #expect(answer.errors.contains("--etcd-api v3 does not go with --recipe"))
    }

    @Test func `a sub-command of the simulation draws its picture`() async throws {
      try await TemporaryFiles.with { files in
        let file = files.path("herd.svg")
        let answer = try await BuiltProgram("zweimaster").run(
          ["simulate", "herd", "--elections=2", "--svg=\(file)"])
        #expect(answer.status == .exited(0), "\(answer.errors)")
        #expect(answer.output.hasSuffix("picture: \(file)\n"))
        #expect(contents(file)?.hasPrefix("<svg ") == true)
      }
    }

    /// It can be sent to someone who has nothing else of ours, and loads nothing from anywhere.
    @Test func `a story is a page in one file`() async throws {
      try await TemporaryFiles.with { files in
        let file = files.path("story.html")
        let answer = try await BuiltProgram("zweimaster").run(
          ["simulate", "--from=7", "--story", "--html=\(file)"])
        #expect(answer.status == .exited(0), "\(answer.errors)")
        #expect(answer.output.hasSuffix("page: \(file)\n"))
        let page = try #require(contents(file))
        #expect(page.contains("A simulated cluster, seed 7"))
        // The lines of the text are those of the page.
        #expect(page.contains("wins the lease, term 13"))
        #expect(answer.output.contains("wins the lease, term 13"))
        for load in [/<link/, /\ssrc\s*=/, /\shref\s*=/, /@import/, /url\((?!#)/, /fetch\(/] {
          #expect(!page.contains(load), "\(load)")
        }
      }
    }

    @Test(arguments: [
      ["simulate", "--story"], ["failures", "--store=kvstore"], ["chaos", "--minutes=0.1"],
    ])
    func `a page that cannot be written is refused before anything runs`(
      _ command: [String]
    ) async throws {
      try await TemporaryFiles.with { files in
        for (file, reason) in [
          (files.path("no/such/page.html"), "No such file or directory"),
          (files.path("."), "is a directory"),
        ] {
          let answer = try await BuiltProgram("zweimaster").run(command + ["--html=\(file)"])
          #expect(answer.status == .exited(64), "\(answer.output)")
          #expect(answer.errors.contains("--html: "), "\(answer.errors)")
          #expect(answer.errors.contains(file) && answer.errors.contains(reason))
        }
      }
    }

    @Test func `a page that fails at the end costs no verdict`() async throws {
      try await TemporaryFiles.with { files in
        let file = files.path(String(repeating: "long", count: 100))
        let answer = try await BuiltProgram("zweimaster").run(
          ["simulate", "--from=7", "--story", "--html=\(file)"])
        #expect(answer.status == .exited(1), "\(answer.errors)")
        #expect(answer.errors.contains("zweimaster: --html: cannot write \(file): "))
        #expect(answer.output.contains("wins the lease, term 13"))
        #expect(!answer.output.contains("page: "))
      }
    }

    @Test func `the flag for a story's picture names its successor`() async throws {
      let answer = try await BuiltProgram("zweimaster").run(["simulate", "--svg", "story.svg"])
      #expect(answer.status == .exited(64))
      #expect(
        answer.errors.contains("'zweimaster simulate --svg' is now 'zweimaster simulate --html'"))
    }

    @Test(arguments: [
      "up", "down", "demo", "failures", "pods", "leaders", "logs", "kill", "stop", "start", "pause",
      "resume", "step-down", "cut", "mend",
    ])
    func `each command's help has an example`(command: String) async throws {
      let help = try await BuiltProgram("zweimaster").run([command, "--help"])
      #expect(help.output.contains("Example:  zweimaster \(command)"))
    }
  }
}

/// Runs the program on a state directory of its own.
private struct Terminal: Sendable {
  /// Its name is longer than a socket's address may be.
  let directory: String
  private let program = BuiltProgram("zweimaster")

  /// Runs the body with a terminal.
  static func with(_ body: (Terminal) async throws -> Void) async throws {
    try await TemporaryDirectory.with(name: String(repeating: "zweimaster-", count: 12)) {
      try await body(Terminal(directory: $0))
    }
  }

  /// The output of `up`.
  var log: String { "\(self.directory).log" }

  /// Runs one command to its end.
  func run(
    _ arguments: String...
  ) async throws -> (status: TerminationStatus, output: String, errors: String) {
    try await self.run(arguments)
  }

  func run(
    _ arguments: [String]
  ) async throws -> (status: TerminationStatus, output: String, errors: String) {
    try await self.program.run(arguments + ["--state-dir", self.directory])
  }

  /// Runs the body beside `up`, which `end` has to end.
  func whileUp<Value: Sendable>(
    _ flags: [String] = [],
    _ body: (_ pid: Int32) async throws -> Value,
    end: (Execution<NoInput, FileDescriptorOutput, CombinedErrorOutput>) async throws -> Void
  ) async throws -> Value {
    let log = try FileDescriptor.open(
      FilePath(self.log), .writeOnly, options: [.create, .truncate],
      permissions: .ownerReadWrite)
    defer { try? FileManager.default.removeItem(atPath: self.log) }
    var options = PlatformOptions()
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(20))]
    return try await Subprocess.run(
      self.program.executable, arguments: Arguments(["up", "--state-dir", self.directory] + flags),
      platformOptions: options, input: .none,
      output: .fileDescriptor(log, closeAfterSpawningProcess: true), error: .combinedWithOutput
    ) { execution in
      let up = try #require(ProcessIdentity(pid: execution.processIdentifier.value))
      try await eventually("for the cluster") { try await self.run("pods").status == .exited(0) }
      let value = try await body(up.pid)
      try await end(execution)
      try await eventually("for the end of 'up'") { !up.isAlive }
      return value
    }.closureResult
  }
}
