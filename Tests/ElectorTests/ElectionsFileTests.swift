import ArgumentParser
import CommandLine
import Foundation
import TestSupport
import Testing

@testable import elector

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ElectionsFileTests {
  private static let two = """
    etcd-servers: http://127.0.0.1:2379
    ttl-secs: 20
    http-listen: :8080
    elections:
    - key: scheduler
      source-file: /s/scheduler.yaml
      dest-file: /m/scheduler.yaml
    - key: controller
      source-file: /s/controller.yaml
      dest-file: /m/controller.yaml
      ttl-secs: 40
      annotate: true
      kubelet: http://127.0.0.1:10250
      max-restarts: 3
    """

  private func commands(_ text: String, _ arguments: [String] = []) throws -> [ElectorCommand] {
    try ElectionsFile(text, name: "e.yaml").commands(beside: arguments)
  }

  @Test func anElectionsOwnSettingCountsMoreThanASharedOne() throws {
    let commands = try self.commands(Self.two)
    #expect(commands.map(\.election.key) == ["scheduler", "controller"])
    #expect(commands.map(\.election.ttlSecs) == [20, 40])
    #expect(commands.map(\.election.annotate.isTrue) == [false, true])
    #expect(commands.map(\.election.kubelet.maxRestarts) == [nil, 3])
    #expect(commands.map(\.election.destFile) == ["/m/scheduler.yaml", "/m/controller.yaml"])
    #expect(commands.map(\.status.httpListen) == [":8080", ":8080"])
    #expect(
      try ElectionsFile(Self.two, name: "e").destinations
        == ["/m/scheduler.yaml", "/m/controller.yaml"])
  }

  @Test func theCommandLineCountsMost() throws {
    let commands = try self.commands(
      Self.two, ["--config=e.yaml", "--ttl-secs=30", "--whoami", "n1", "--v=2"])
    #expect(commands.map(\.election.ttlSecs) == [30, 30])
    #expect(commands.map(\.election.whoami) == ["n1", "n1"])
    #expect(commands.map(\.verbosity) == [2, 2])
  }

  @Test func everyFlagCanStandInAFile() {
    let help = ElectorCommand.helpMessage(includeHidden: false, columns: 400)
    let named = Set(
      help.split(separator: "\n").compactMap { line in
        line.firstMatch(of: /^\s+--([a-z-]+)/).map { String($0.1) }
      })
    let settable = ElectionsFile.processFlags.union(ElectionsFile.ownFlags)
      .union(ElectionsFile.electionFlags)
    #expect(named.subtracting(settable) == ["config", "version"])
    #expect(settable.subtracting(named).subtracting(["v"]) == [])
  }

  @Test(arguments: [
    ("", "e.yaml: the file is empty"), ("a: [", "e.yaml: not YAML"),
    ("etcd-servers: http://a:1", "e.yaml: `elections` is missing"),
    ("elections: 3", "e.yaml:1: elections must be a list: begin each one with `- key: NAME`"),
    ("elections: []", "e.yaml:1: elections must be a list"),
    ("elections:\n- scheduler", "e.yaml:2: write settings like `key: scheduler`"),
    ("key: a\nelections: []", "e.yaml:1: key belongs to one election: put it below `elections`"),
    (
      "elections:\n- key: a\n  v: 2",
      "e.yaml:3: v belongs to all elections: put it beside `elections`"
    ),
    ("elections:\n- key: a\n  kee: 2", "e.yaml:3: unknown setting \"kee\"; the settings are:"),
    ("v: 1\nconfig: a", "e.yaml:2: unknown setting \"config\""),
    ("elections:\n- key: [a]", "e.yaml:2: key takes one value"),
    ("guard: false", "e.yaml:1: --guard is gone: the guard always owns the manifest"),
  ]) func whatIsNoSuchFileIsNamedWithItsLine(_ text: String, _ message: String) {
    let error = #expect(throws: SettingsError.self) { try self.commands(text) }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    ("ttl-secs: 20", "ttl-secs: 0", "e.yaml:2: --ttl-secs must be between"),
    ("ttl-secs: 20", "ttl-secs: x", "e.yaml:2: The value 'x' is invalid for '--ttl-secs"),
    ("ttl-secs: 40", "ttl-secs: 0", "e.yaml:11: --ttl-secs must be between"),
    ("annotate: true", "annotate: maybe", "e.yaml:12: The value 'maybe' is invalid"),
    ("key: controller", "whoami: x", "e.yaml:8: Missing expected argument '--key <key>'"),
    ("key: controller", "key: /", "e.yaml:8: --key must not be empty"),
    ("http-listen: :8080", "http-listen: x", "e.yaml:3: --http-listen must be like"),
    (
      "max-restarts: 3", "kubelet-cafile: a",
      "e.yaml:14: --kubelet-cafile needs https:// in --kubelet"
    ),
    ("etcd-servers: http://127.0.0.1:2379", "v: 2", "e.yaml:5: Missing expected argument"),
    (
      "key: controller", "key: /scheduler",
      "e.yaml:8: another election has this key, at e.yaml:5"
    ),
    (
      "dest-file: /m/controller.yaml", "dest-file: /m/./scheduler.yaml",
      "e.yaml:10: another election has this dest-file, at e.yaml:7"
    ),
  ]) func aMistakeInASettingIsNamedWithItsLine(
    _ old: String, _ new: String, _ message: String
  ) {
    let text = Self.two.replacingOccurrences(of: old, with: new)
    #expect(text != Self.two)
    let error = #expect(throws: SettingsError.self) { try self.commands(text) }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    (["--key=a"], "--key belongs to one election: set it in e.yaml"),
    (["--dest-file", "/m/x"], "--dest-file belongs to one election"),
    (["--ttl-secs=0"], "--ttl-secs must be between"), (["--nonsense"], "--nonsense"),
  ]) func theCommandLinesMistakesAreNotTheFiles(_ arguments: [String], _ message: String) {
    do {
      _ = try self.commands(Self.two, arguments)
      Issue.record("it was taken")
    } catch {
      #expect(!(error is SettingsError))
      #expect(ElectorCommand.message(for: error).contains(message), "\(error)")
    }
  }

  @Test func theOneInDeployIsGood() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let commands = try ElectionsFile(root.appending(path: "deploy/elections.yaml").path)
      .commands(beside: [])
    #expect(commands.map(\.election.key) == ["scheduler", "controller"])
  }

  /// A node that has given up takes part in no election, and two services cannot have one port.
  @Test func theUnitsInDeployFitTogether() throws {
    let units = ["elector@", "kvstore", "kubelet", "kube-apiserver"]
    for unit in units {
      let text = try Project.text("deploy/\(unit).service")
      #expect(text.contains("\nStartLimitIntervalSec=0\n"), "\(unit)")
      #expect(
        text.contains("\nRestart=on-failure\n") && !text.contains("RestartPrevent"), "\(unit)")
    }
    let elections = try Project.text("deploy/elections.yaml")
    let port = try #require(elections.firstMatch(of: /http-listen: 127\.0\.0\.1:([0-9]+)/)?.1)
    for unit in units + ["elector-clean"] {
      #expect(
        try !Project.text("deploy/\(unit).service").contains(port), "\(unit) has port \(port)")
    }
    #expect(
      try Project.text("deploy/elector@.service").contains("ExecReload=/bin/kill -HUP $MAINPID"))
  }

  /// It changes nothing, and asks no server.
  @Test func checkConfigNamesMistakes() async throws {
    try await TemporaryFiles.with { files in
      func check(_ source: String, _ text: String? = nil) async throws -> (Bool, String) {
        try files.write(
          text ?? """
            etcd-servers: http://127.0.0.1:1
            elections:
            - key: a
              source-file: \(files.path(source))
              dest-file: \(files.path("m/a.yaml"))
            """, to: "e.yaml")
        let (status, output, errors) = try await BuiltProgram("elector").run([
          "check-config", "--config=\(files.path("e.yaml"))",
        ])
        return (status == .exited(0), output + errors)
      }
      try files.write("metadata:\n  name: a\n", to: "s.yaml")
      try files.write("kind: Pod\n", to: "nameless.yaml")
      let (_, missing) = try await check("s.yaml")
      #expect(missing.contains("a: cannot write in \(files.path("m")), where --dest-file is"))
      try FileManager.default.createDirectory(
        atPath: files.path("m"), withIntermediateDirectories: false)
      #expect(
        try await check("s.yaml")
          == (true, "elector: the settings are good, and so are the files: a\n"))
      for (source, word) in [
        ("none.yaml", "No such file"), ("nameless.yaml", "no YAML or JSON with a name"),
        ("m/a.yaml", "are the same file"),
      ] {
        let (isGood, text) = try await check(source)
        #expect(!isGood && text.contains(word), "\(text)")
      }
      let (isGood, text) = try await check("s.yaml", "v: 1\nelections:\n- key: a\n  ttl: 3\n")
      #expect(!isGood && text.contains("e.yaml:4: unknown setting"), "\(text)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: files.path("m")) == [])
    }
  }

  @Test func aFileThatIsNotThereIsNamed() {
    #expect {
      try ElectionsFile("/none/e.yaml")
    } throws: {
      "\($0)" == "/none/e.yaml: cannot read it: the file does not exist"
    }
  }
}
