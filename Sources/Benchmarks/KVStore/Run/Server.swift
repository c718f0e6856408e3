import FoundationEssentials
import NIOCore
import NIOPosix
import Subprocess
import SystemPackage

/// A server that runs as a process of its own.
package struct Server: Sendable {
  package let subject: Subject
  package let port: Int
  package let pid: Int32
  /// From before the process was started to its first good answer.
  package let startTime: Duration

  /// What its process has used so far.
  /// - Throws: ``BenchmarkError/serverEnded(_:log:)``.
  package func usage() throws -> ProcessUsage {
    guard let usage = ProcessUsage(pid: self.pid) else {
      throw BenchmarkError.serverEnded(self.subject, log: "")
    }
    return usage
  }
}

/// How a server is started.
package struct ServerLaunch: Sendable {
  package let subject: Subject
  package let executable: String
  package let arguments: [String]
  package let port: Int
  /// Where its output goes.
  package let log: String

  package static func kvstore(_ programs: Programs, directory: String) async throws -> ServerLaunch
  {
    let port = try await freePorts(1)[0]
    return ServerLaunch(
      subject: .kvstore, executable: programs.kvstore,
      arguments: [
        "--listen-client-urls", "http://127.0.0.1:\(port)", "--data-dir", "\(directory)/data",
      ],
      port: port, log: "\(directory)/log")
  }

  package static func etcd(_ programs: Programs, directory: String) async throws -> ServerLaunch {
    let ports = try await freePorts(2)
    let (url, peerURL) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
    return ServerLaunch(
      subject: .etcd, executable: programs.etcd,
      arguments: [
        "--enable-v2=true", "--data-dir", "\(directory)/data", "--logger", "zap", "--log-level",
        "error", "--log-outputs", "stderr", "--listen-client-urls", url,
        "--advertise-client-urls", url, "--listen-peer-urls", peerURL,
        "--initial-advertise-peer-urls", peerURL, "--initial-cluster", "default=\(peerURL)",
      ],
      port: ports[0], log: "\(directory)/log")
  }

  package static func bare(
    _ programs: Programs, directory: String, bodyBytes: Int
  ) async throws -> ServerLaunch {
    let port = try await freePorts(1)[0]
    return ServerLaunch(
      subject: .bare, executable: programs.own,
      arguments: ["bare", "--port", "\(port)", "--body-bytes", "\(bodyBytes)"], port: port,
      log: "\(directory)/log")
  }
}

/// Runs a server until the body is done, or the task is cancelled; afterwards its process is gone.
/// - Parameter probe: what it has to answer with 200 before it counts as started.
package func withServer<Result: Sendable>(
  _ launch: ServerLaunch, probe: String, _ body: (Server) async throws -> Result
) async throws -> Result {
  let ending = [TeardownStep.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
  var options = PlatformOptions()
  // A group of its own: a ctrl-C in the terminal is for us alone, and we end it in order.
  options.processGroupID = 0
  options.teardownSequence = ending
  let log = try FileDescriptor.open(
    launch.log, .writeOnly, options: [.append, .create, .closeOnExec],
    permissions: [.ownerReadWrite])
  let launched = ContinuousClock.now
  return try await Subprocess.run(
    .path(FilePath(launch.executable)), arguments: Arguments(launch.arguments),
    // Both servers take settings from ETCD_… variables.
    environment: .custom(["PATH": "/usr/bin:/bin"]), platformOptions: options, input: .none,
    output: .fileDescriptor(log, closeAfterSpawningProcess: true), error: .combinedWithOutput
  ) { execution in
    let pid = execution.processIdentifier.value
    let result: Swift.Result<Result, any Error>
    do {
      try await waitForAnswer(of: launch, pid: pid, probe: probe)
      result = .success(
        try await body(
          Server(
            subject: launch.subject, port: launch.port, pid: pid,
            startTime: ContinuousClock.now - launched)))
    } catch {
      result = .failure(error)
    }
    await execution.teardown(using: ending)
    return try result.get()
  }.closureResult
}

private func waitForAnswer(of launch: ServerLaunch, pid: Int32, probe: String) async throws {
  func log() -> String {
    FileManager.default.contents(atPath: launch.log).map {
      String(decoding: $0.suffix(2000), as: UTF8.self)
    } ?? ""
  }
  let end = ContinuousClock.now + .seconds(60)
  while true {
    let answer = try? await Connection.with(port: launch.port) {
      try await $0.exchange(Request(.GET, probe))
    }
    if answer?.status == 200 { return }
    guard ProcessUsage(pid: pid) != nil else {
      throw BenchmarkError.serverEnded(launch.subject, log: log())
    }
    guard ContinuousClock.now < end else {
      throw BenchmarkError.serverSilent(launch.subject, log: log())
    }
    try await Task.sleep(for: .milliseconds(2))
  }
}

/// Ports of 127.0.0.1 that the kernel has chosen, and that are free again.
package func freePorts(_ count: Int) async throws -> [Int] {
  var listeners: [any Channel] = []
  for _ in 0..<count {
    listeners.append(
      try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .bind(host: "127.0.0.1", port: 0).get())
  }
  // A closed one knows its address no more.
  let ports = listeners.compactMap { $0.localAddress?.port }
  for listener in listeners { try await listener.close() }
  return ports
}
