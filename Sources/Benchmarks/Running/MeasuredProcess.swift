import FoundationEssentials
import Subprocess
import SystemPackage
import TestCluster

/// A program that is measured, as a process of its own.
package struct MeasuredProcess: Sendable {
  /// How it is started.
  package struct Launch: Sendable {
    /// Its name in messages.
    package var name: String
    package var executable: String
    package var arguments: [String]
    /// The file for its output.
    package var log: String
    /// The port and path of 127.0.0.1 that answer 200 once it is ready; an empty path to wait for a connection, `nil`
    /// for nothing.
    package var probe: (port: Int, path: String)?
  }

  package let name: String
  package let identity: ProcessIdentity
  /// From before its start to the first good answer.
  package let startTime: Duration

  /// What it has used so far.
  /// - Throws: ``BenchmarkError/ended(_:log:)``.
  package func usage() throws(BenchmarkError) -> ProcessUsage {
    guard let usage = ProcessUsage(pid: self.identity.pid) else {
      throw .ended(self.name, log: "")
    }
    return usage
  }

  /// Runs a program until the body ends, or the task is cancelled; afterwards the process is gone.
  package static func with<Result: Sendable>(
    _ launch: Launch, _ body: (MeasuredProcess) async throws -> Result
  ) async throws -> Result {
    let ending = [TeardownStep.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
    var options = PlatformOptions()
    // A group of its own: a ctrl-C in the terminal is for us alone, and we end it in order.
    options.processGroupID = 0
    options.teardownSequence = ending
    let log = try FileDescriptor.open(
      launch.log, .writeOnly, options: [.append, .create, .closeOnExec],
      permissions: [.ownerReadWrite, .groupRead, .otherRead])
    let launched = ContinuousClock.now
    return try await Subprocess.run(
      .path(FilePath(launch.executable)), arguments: Arguments(launch.arguments),
      // kvstore and etcd take settings from ETCD_… variables.
      environment: .custom(["PATH": "/usr/bin:/bin"]), platformOptions: options, input: .none,
      output: .fileDescriptor(log, closeAfterSpawningProcess: true), error: .combinedWithOutput
    ) { execution in
      let result: Swift.Result<Result, any Error>
      do {
        guard let identity = ProcessIdentity(pid: execution.processIdentifier.value) else {
          throw BenchmarkError.ended(launch.name, log: Self.end(of: launch.log))
        }
        try await Self.waitUntilReady(launch, identity)
        let startTime = ContinuousClock.now - launched
        result = .success(
          try await body(
            MeasuredProcess(name: launch.name, identity: identity, startTime: startTime)))
      } catch {
        result = .failure(error)
      }
      await execution.teardown(using: ending)
      return try result.get()
    }.closureResult
  }

  /// The same for several, started in their order.
  package static func with<Result: Sendable>(
    _ launches: [Launch], _ body: ([MeasuredProcess]) async throws -> Result
  ) async throws -> Result {
    guard let first = launches.first else { return try await body([]) }
    return try await Self.with(first) { process in
      try await Self.with(Array(launches.dropFirst())) { try await body([process] + $0) }
    }
  }

  private static func waitUntilReady(_ launch: Launch, _ identity: ProcessIdentity) async throws {
    guard let (port, path) = launch.probe else { return }
    let end = ContinuousClock.now + .seconds(60)
    while true {
      let isReady = try? await Connection.with(port: port) {
        path.isEmpty ? true : try await $0.exchange(Request(.GET, path)).status == 200
      }
      if isReady == true { return }
      guard identity.isAlive else {
        throw BenchmarkError.ended(launch.name, log: Self.end(of: launch.log))
      }
      guard ContinuousClock.now < end else {
        throw BenchmarkError.silent(launch.name, log: Self.end(of: launch.log))
      }
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  private static func end(of log: String) -> String {
    FileManager.default.contents(atPath: log).map {
      String(decoding: $0.suffix(2000), as: UTF8.self)
    } ?? ""
  }
}

extension MeasuredProcess.Launch {
  /// A program of this project, with its log in a directory.
  init(
    _ program: String, _ arguments: [String], in directory: String,
    probe: (port: Int, path: String)? = nil
  ) throws(ClusterError) {
    self.init(
      name: program, executable: try Executables(nil).path(of: program), arguments: arguments,
      log: "\(directory)/\(program).log", probe: probe)
  }

  /// A kvstore of this project, without other settings.
  static func kvstore(port: Int, directory: String) throws(ClusterError) -> Self {
    try Self(
      "kvstore",
      ["--listen-client-urls", "http://127.0.0.1:\(port)", "--data-dir", "\(directory)/data"],
      in: directory, probe: (port, "/v2/keys/"))
  }
}

/// Where a benchmark writes: made for it, and removed unless it fails.
package enum WorkDirectory {
  package static func with<Result>(
    _ path: String, _ body: () async throws -> Result
  ) async throws -> Result {
    let files = FileManager.default
    // What an earlier benchmark that failed has left.
    try? files.removeItem(atPath: path)
    try files.createDirectory(atPath: path, withIntermediateDirectories: true)
    let result = try await body()
    try files.removeItem(atPath: path)
    return result
  }
}
