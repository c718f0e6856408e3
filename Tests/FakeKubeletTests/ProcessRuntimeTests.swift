import Foundation
import Glibc
import Logging
import Subprocess
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Real processes: as root, with bubblewrap. `make deps` installs it.
@Suite(.whereContainersRun, .takesTurns, .timeLimit(.minutes(10)))
struct ProcessRuntimeTests {
  static let shim = BuiltProgram("fake-kubelet").path

  /// A kubelet's directory; its path is short, since sockets are below it.
  struct Place {
    let directory: URL
    var manifests: URL { self.directory.appending(path: "m") }
    var host: URL { self.directory.appending(path: "h") }
    var settings: ProcessRuntime.Configuration

    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: self.manifests.appending(path: name), options: .atomic)
    }

    func host(_ name: String) throws -> String {
      try String(contentsOf: self.host.appending(path: name), encoding: .utf8)
    }

    func log(_ pod: String, _ container: String, _ attempt: Int = 0) -> String {
      let base = URL(filePath: self.settings.podLogsDirectory)
      let names = (try? FileManager.default.contentsOfDirectory(atPath: base.path)) ?? []
      guard let name = names.first(where: { $0.hasPrefix(pod) }) else { return "" }
      let file = base.appending(path: "\(name)/\(container)/\(attempt).log")
      return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    }

    /// The files in the runtime's directory besides the logs.
    var leftovers: [String] {
      ["containers", "pods"].flatMap {
        (try? FileManager.default.contentsOfDirectory(
          atPath: self.directory.appending(path: "r/\($0)").path)) ?? []
      }
    }

    /// The processes whose command line names this directory.
    var processes: [String] {
      HostFiles.names(in: "/proc").filter { $0.allSatisfy(\.isNumber) }.compactMap { name in
        let line = HostFiles.text("/proc/\(name)/cmdline")?
          .replacingOccurrences(of: "\0", with: " ")
        return line?.contains(self.directory.path) == true ? line : nil
      }
    }

    /// Of a kubelet as a process.
    func arguments(leavesPodsRunning: Bool = false) -> Arguments {
      [
        "--config", self.manifests.path, "--hostname-override=n1", "--read-only-port=0",
        "--port=0", "--container-runtime=process", "--root-dir", self.settings.rootDirectory,
        "--leave-pods-running=\(leavesPodsRunning)",
      ]
    }

    /// A pod that mounts this directory's host directory at `/h`.
    func pod(
      _ script: String, name: String = "web", grace: Int = 1, probes: String = ""
    ) -> String {
      ProcessRuntimeTests.pod(
        script, name: name, grace: grace,
        container: probes + "    volumeMounts: [{name: h, mountPath: /h}]",
        spec: "  volumes: [{name: h, hostPath: {path: \(self.host.path)}}]")
    }

    var mounts: [String] {
      (HostFiles.text("/proc/mounts") ?? "").split(separator: "\n").map(String.init)
        .filter { $0.contains(self.directory.path) }
    }
  }

  static func withPlace<Result>(_ body: (Place) async throws -> Result) async throws
    -> Result
  {
    let directory = URL(filePath: "/tmp/zm-\(UInt32.random(in: 0...UInt32.max))")
    for name in ["m", "h", "r"] {
      try FileManager.default.createDirectory(
        at: directory.appending(path: name), withIntermediateDirectories: true)
    }
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(
      Place(
        directory: directory,
        settings: ProcessRuntime.Configuration(
          rootDirectory: directory.appending(path: "r").path, shim: Self.shim)))
  }

  static func withKubelet<Result: Sendable>(
    _ place: Place, logger: Logger = Logger(label: "k") { _ in SwiftLogNoOpLogHandler() },
    _ body: (FakeKubelet) async throws -> Result
  ) async throws -> Result {
    try await FakeKubelet.withPods(
      of: place.manifests.path, nodeName: "n1",
      runtime: try ProcessRuntime(place.settings), logger: logger, body)
  }

  static func pod(
    _ script: String, name: String = "web", grace: Int = 1, policy: String = "Always",
    container: String = "", spec: String = ""
  ) -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata: {name: \(name)}
    spec:
      hostNetwork: true
      restartPolicy: \(policy)
      terminationGracePeriodSeconds: \(grace)
      containers:
      - name: main
        image: i:1
        command: [/bin/sh, -c, \(JSONValue.string(script))]
    \(container)
    \(spec)
    """
  }

  private func status(_ kubelet: FakeKubelet) -> PodLifecycle.Container? {
    kubelet.workers.running.values.first?.containers.first
  }

  @Test func aContainerHasItsCommandItsVolumesAndItsLog() async throws {
    try await Self.withPlace { place in
      try Data("in\n".utf8).write(to: place.host.appending(path: "file"))
      let text = Self.pod(
        """
        echo $GREETING $HOSTNAME $(hostname) pid $$$$; cat /in/file; pwd; echo bad >&2
        touch /in/x /usr/x; echo out > /deep/in/new/out; sleep 1000 & wait
        """,
        container: """
              workingDir: /var
              env: [{name: NODE, value: you}, {name: GREETING, value: "hello $(NODE)"}]
              volumeMounts:
              - {name: in, mountPath: /in, readOnly: true}
              - {name: out, mountPath: /deep/in/new}
          """,
        spec: """
            volumes:
            - {name: in, hostPath: {path: \(place.host.path)}}
            - {name: out, hostPath: {path: \(place.host.path)/made/of/nothing}}
          """)
      try place.write("web.yaml", text)
      try await Self.withKubelet(place) { kubelet in
        try await eventually("it has written") { (try? place.host("made/of/nothing/out")) != nil }
        try await eventually("its log is there") {
          place.log("default_web-n1_", "main").contains("stderr F touch: cannot touch '/usr/x'")
        }
        let lines = place.log("default_web-n1_", "main").split(separator: "\n").map {
          $0.split(separator: " ", maxSplits: 1).last.map(String.init) ?? ""
        }
        #expect(lines.contains("stdout F hello you n1 n1 pid 1"))
        #expect(lines.contains("stdout F in"))
        #expect(lines.contains("stdout F /var"))
        #expect(lines.contains("stderr F bad"))
        #expect(
          lines.contains("stderr F touch: cannot touch '/in/x': Read-only file system"))
        try await eventually("it is shown") { kubelet.pods.first?.running == ["main"] }
        #expect(try place.host("made/of/nothing/out") == "out\n")
      }
      #expect(
        !FileManager.default.fileExists(atPath: "/deep"), "nothing is made on the host's root")
      #expect(place.processes == [])
      #expect(place.leftovers == [])
      #expect(place.mounts == [])
    }
  }

  /// The process is the first of its namespace, so SIGTERM ends it only if it handles the signal.
  @Test(
    arguments: [
      ("trap 'exit 7' TERM;", 7), ("trap 'kill $!; exit 143' TERM;", 143), ("", 137),
    ] as [(String, Int32)])
  func theExitCodeTellsHowItEnded(trap: String, code: Int32) async throws {
    try await Self.withPlace { place in
      try place.write(
        "web.yaml",
        place.pod("\(trap) sleep 1000 & touch /h/up; wait", grace: code == 137 ? 2 : 60))
      let log = LogCapture()
      try await Self.withKubelet(place, logger: log.logger) { _ in
        try await eventually("it is up") { (try? place.host("up")) != nil }
        try FileManager.default.removeItem(at: place.manifests.appending(path: "web.yaml"))
        try await eventually("it has ended") {
          !log.lines(containing: "Container ended").isEmpty
        }
        #expect(
          log.lines(containing: "Container ended").first?.contains("exitCode=\(code)") == true)
      }
    }
  }

  @Test func whatHasEndedIsStartedAgainWithALogOfItsOwn() async throws {
    try await Self.withPlace { place in
      try place.write("web.yaml", Self.pod("echo run; exit 3"))
      try await Self.withKubelet(place) { kubelet in
        try await eventually("it was started again") {
          self.status(kubelet)?.lastTermination?.attempt == 1
        }
        #expect(self.status(kubelet)?.lastTermination?.exitCode == 3)
        #expect(place.log("default_web-n1_", "main", 0).hasSuffix(" stdout F run\n"))
        #expect(place.log("default_web-n1_", "main", 1).hasSuffix(" stdout F run\n"))
      }
    }
  }

  @Test(arguments: [
    ("command: [/no/such]", "RunContainerError", "No such file or directory"),
    ("command: []", "CreateContainerConfigError", "it has no command"),
    (
      "command: [x]\n      env: [{name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
      "CreateContainerConfigError", "container main: env[0].valueFrom.secretKeyRef"
    ),
    (
      "command: [x]\n      volumeMounts: [{name: v, mountPath: /v}]", "ContainerCreating",
      "hostPath type check failed: /dev/null is not a directory"
    ),
  ])
  func whatCannotBeStartedWaitsAndSaysWhy(
    container: String, reason: String, message: String
  ) async throws {
    try await Self.withPlace { place in
      try place.write(
        "web.yaml",
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
          - name: main
            image: i:1
            \(container.replacingOccurrences(of: "\n      ", with: "\n    "))
          volumes: [{name: v, hostPath: {path: /dev/null, type: Directory}}]
        """)
      try await Self.withKubelet(place) { kubelet in
        try await eventually("it waits") { self.status(kubelet)?.startFailure != nil }
        let failure = try #require(self.status(kubelet)?.startFailure)
        #expect(failure.waitingReason == reason)
        #expect(failure.message.contains(message), "\(failure.message)")
        #expect(kubelet.pods.first?.phase == .pending)
        #expect(kubelet.pods.first?.restarts == 0)
      }
      #expect(place.leftovers == [])
    }
  }

  @Test func probesAskTheRealProcess() async throws {
    try await Self.withPlace { place in
      try place.write(
        "web.yaml",
        place.pod(
          "trap 'exit 0' TERM; sleep 1000 & wait",
          probes: """
                readinessProbe: {exec: {command: [test, -f, /h/ready]}, periodSeconds: 1, timeoutSeconds: 60}
                livenessProbe:
                  {exec: {command: [test, ! , -f, /h/dead]}, periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 1}

            """))
      try await Self.withKubelet(place) { kubelet in
        try await eventually("it runs") { kubelet.pods.first?.running == ["main"] }
        #expect(kubelet.pods.first?.isReady == false)
        try Data().write(to: place.host.appending(path: "ready"))
        try await eventually("it is ready") { kubelet.pods.first?.isReady == true }
        try Data().write(to: place.host.appending(path: "dead"))
        try await eventually("it was restarted") { (kubelet.pods.first?.restarts ?? 0) > 0 }
        #expect(self.status(kubelet)?.lastTermination?.exitCode == 0)
      }
    }
  }

  @Test func aKubeletThatIsToldSoLeavesItsPodsToTheNextOne() async throws {
    try await Self.withPlace { place in
      var place = place
      place.settings.leavesPodsRunning = true
      for name in ["kept", "orphan"] {
        try place.write(
          "\(name).yaml", place.pod("echo $$$$ >> /h/\(name); sleep 1000 & wait", name: name))
      }
      try await Self.withKubelet(place) { kubelet in
        try await eventually("both run") {
          (try? place.host("kept")) != nil && (try? place.host("orphan")) != nil
        }
      }
      #expect(place.processes.filter { $0.contains("container-shim") }.count == 2)
      try FileManager.default.removeItem(at: place.manifests.appending(path: "orphan.yaml"))
      try await Self.withKubelet(place) { kubelet in
        try await eventually("the pod is taken up") { kubelet.pods.first?.running == ["main"] }
        #expect(kubelet.pods.map(\.restarts) == [0])
        #expect(place.processes.filter { $0.contains("container-shim") }.count == 1)
        try FileManager.default.removeItem(at: place.manifests.appending(path: "kept.yaml"))
        try await eventually("it ends with its manifest") { place.processes == [] }
        try await eventually("nothing is left") { place.leftovers == [] }
      }
      #expect(try place.host("kept") == "1\n", "it was started once")
    }
  }

  @Test func aSecondKubeletIsKeptOffTheDirectory() async throws {
    try await Self.withPlace { place in
      let first = try ProcessRuntime(place.settings)
      #expect {
        try ProcessRuntime(place.settings)
      } throws: { "\($0)".contains("another kubelet uses it") }
      await first.shutDown()
    }
  }

  @Test func aKubeletThatIsKilledTakesItsContainersWithIt() async throws {
    try await Self.withPlace { place in
      try place.write("web.yaml", Self.pod("sleep 1000 & sleep 1000 & wait"))
      let result = try await Subprocess.run(
        .path(.init(Self.shim)),
        arguments: place.arguments(), input: .none, output: .discarded, error: .discarded
      ) { execution in
        try await eventually("it runs") {
          place.processes.contains { $0.hasPrefix("/bin/sh") || $0.contains("container-shim") }
            && place.leftovers.count >= 1
        }
        try execution.send(signal: .kill)
      }
      #expect(result.terminationStatus == .signaled(9))
      try await eventually("nothing is left of it") { place.processes == [] }
      #expect(place.mounts == [])
    }
  }

  /// A moment that is too short to hit by chance: bubblewrap has a child and has not reported it.
  @Test(arguments: ["$$", "$PPID"])
  func bubblewrapOrAShimThatIsKilledEarlyLeavesNothing(victim: String) async throws {
    try await Self.withPlace { place in
      var place = place
      let program = place.host.appending(path: "early")
      try """
      #!/bin/sh
      # \(place.directory.path)
      sh -c 'trap "" HUP; while :; do sleep 1000; done' \(place.directory.path) &
      echo >> \(place.host.path)/tries
      kill -9 \(victim)
      wait
      """.write(to: program, atomically: true, encoding: .utf8)
      #expect(chmod(program.path, 0o755) == 0)
      place.settings.bubblewrap = program.path
      try place.write("web.yaml", Self.pod("true", policy: "Never"))
      let settled = place
      try await Self.withKubelet(settled) { _ in
        try await eventually("it was tried") { (try? settled.host("tries")) != nil }
        try await eventually("nothing is left of it") { settled.processes == [] }
      }
      #expect(settled.leftovers == [])
    }
  }
}
