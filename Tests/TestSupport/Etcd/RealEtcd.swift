import Foundation
import Glibc
import HTTPEndpoint

/// A real etcd of one test, for the time of a closure.
public final class RealEtcd: Sendable {
  /// Where etcd is, if it is installed (`make deps` does that).
  public static let program = RealEtcd.path(of: "etcd")

  public static func path(of program: String) -> String? {
    ["/usr/bin/", "/usr/local/bin/"].map { $0 + program }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// How to start it.
  public struct Options: Sendable {
    public var enableV2 = true
    /// For `https`.
    public var certificates: Certificates?
    /// Whether every client must show a certificate.
    public var demandsClientCertificate = false
    /// The certificate that it shows.
    public var serverName = "server"

    public init(
      enableV2: Bool = true, certificates: Certificates? = nil,
      demandsClientCertificate: Bool = false, serverName: String = "server"
    ) {
      self.enableV2 = enableV2
      self.certificates = certificates
      self.demandsClientCertificate = demandsClientCertificate
      self.serverName = serverName
    }
  }

  public let endpoint: HTTPEndpoint
  /// A process' number, for signals.
  public let pid: Int32

  private init(endpoint: HTTPEndpoint, pid: Int32) {
    self.endpoint = endpoint
    self.pid = pid
  }

  /// Runs `body` with an etcd on a port of the kernel's choice.
  @discardableResult
  public static func with<Value: Sendable>(
    _ options: Options = Options(), _ body: (RealEtcd) async throws -> Value
  ) async throws -> Value {
    try await TemporaryFiles.with { files in
      let scheme = options.certificates == nil ? "http" : "https"
      var tls: [String] = []
      if let certificates = options.certificates {
        tls += [
          "--cert-file", certificates.certificate(options.serverName),
          "--key-file", certificates.key(options.serverName),
        ]
        if options.demandsClientCertificate {
          tls += ["--client-cert-auth", "--trusted-ca-file", certificates.certificate("ca")]
        }
      }
      // etcd's gateway connects to the configured client port, which therefore cannot be 0. The peers' can.
      let (process, endpoint) = try await Self.started(
        ports: 1, log: files.path("log"), scheme: scheme
      ) { ports in
        let url = "\(scheme)://127.0.0.1:\(ports[0])"
        return tls + [
          "--enable-v2=\(options.enableV2)", "--data-dir", files.path("data"), "--logger", "zap",
          "--listen-client-urls", url, "--advertise-client-urls", url,
          "--listen-peer-urls", "http://127.0.0.1:0",
          "--initial-advertise-peer-urls", "http://127.0.0.1:0",
          "--initial-cluster", "default=http://127.0.0.1:0", "--unsafe-no-fsync",
        ]
      }
      defer { Self.end(process) }
      return try await body(RealEtcd(endpoint: endpoint, pid: process.processIdentifier))
    }
  }

  /// Starts one, again with other ports if another process has taken them.
  private static func started(
    ports count: Int, log: String, scheme: String, _ arguments: ([Int]) -> [String]
  ) async throws -> (Process, HTTPEndpoint) {
    for _ in 0..<5 {
      let process = try Self.start(arguments(try FreePort.some(count)), log: log)
      do {
        if let endpoint = try await Self.address(in: log, scheme: scheme, of: process) {
          return (process, endpoint)
        }
      } catch {
        Self.end(process)
        throw error
      }
    }
    throw TestFailure(
      "etcd does not start: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
  }

  /// Runs `body` with the members of one cluster, which stop when their process is killed.
  /// - Parameter withV2: how many of the first ones have the v2 API; `nil` for all.
  public static func withCluster<Value: Sendable>(
    of count: Int, withV2: Int? = nil, _ body: ([RealEtcd]) async throws -> Value
  ) async throws -> Value {
    try await TemporaryFiles.with { files in
      let ports = try FreePort.some(count * 2)
      let peers = (0..<count).map { "http://127.0.0.1:\(ports[$0])" }
      let clients = (0..<count).map { "http://127.0.0.1:\(ports[count + $0])" }
      let cluster = peers.enumerated().map { "m\($0)=\($1)" }.joined(separator: ",")
      var processes: [Process] = []
      defer { for process in processes { Self.end(process) } }
      var members: [RealEtcd] = []
      for index in 0..<count {
        let process = try Self.start(
          [
            "--enable-v2=\(index < withV2 ?? count)", "--name", "m\(index)", "--data-dir",
            files.path("data\(index)"),
            "--logger", "zap", "--listen-client-urls", clients[index],
            "--advertise-client-urls", clients[index], "--listen-peer-urls", peers[index],
            "--initial-advertise-peer-urls", peers[index], "--initial-cluster", cluster,
            "--heartbeat-interval", "100", "--election-timeout", "1000", "--unsafe-no-fsync",
          ], log: files.path("log\(index)"))
        processes.append(process)
        members.append(
          RealEtcd(endpoint: try HTTPEndpoint(clients[index]), pid: process.processIdentifier))
      }
      for index in 0..<count {
        guard
          try await Self.address(
            in: files.path("log\(index)"), scheme: "http", of: processes[index]) != nil
        else { throw TestFailure("a member of the cluster has ended") }
      }
      return try await body(members)
    }
  }

  /// Ends the process as a crash would.
  public func kill() { _ = Foundation.kill(self.pid, SIGKILL) }

  private static func start(_ arguments: [String], log: String) throws -> Process {
    try Data().write(to: URL(filePath: log))
    let output = try FileHandle(forWritingTo: URL(filePath: log))
    return try Self.start(arguments, output: output, errors: output)
  }

  private static func start(
    _ arguments: [String], output: Any, errors: Any? = nil
  ) throws -> Process {
    guard let program else { throw TestFailure("there is no etcd") }
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardError = errors
    process.standardOutput = output
    try process.run()
    return process
  }

  private static func end(_ process: Process) {
    // No other process gets its number before it is reaped, and Foundation knows of that.
    if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGKILL) }
    process.awaitEnd()
  }

  /// The address that it listens on, from its log; by then it answers. `nil` when it has ended.
  private static func address(
    in log: String, scheme: String, of process: Process
  ) async throws -> HTTPEndpoint? {
    let deadline = ContinuousClock.now + .seconds(60)
    while process.isRunning {
      let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      let pattern = /serving.*client.*"address":"(127\.0\.0\.1:\d+)"/
      if let match = text.firstMatch(of: pattern) {
        return try HTTPEndpoint("\(scheme)://\(match.1)")
      }
      guard ContinuousClock.now < deadline else {
        throw TestFailure("etcd does not start: \(text)")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return nil
  }
}

extension Process {
  /// Waits until the kernel has reaped the process. `waitUntilExit` turns the calling thread's run loop, and
  /// on a thread of the pool it did so for ever.
  fileprivate func awaitEnd() {
    let path = "/proc/\(self.processIdentifier)/stat"
    while let stat = try? String(contentsOfFile: path, encoding: .utf8),
      let state = stat.split(separator: ")").last?.split(separator: " ").first, state != "Z"
    {
      usleep(2_000)
    }
  }
}

extension HTTPEndpoint {
  /// The port in it.
  public var port: Int { Int(self.url.split(separator: ":").last ?? "") ?? 0 }
}

extension RealEtcd {
  /// What `etcd --version` says.
  public static func version() throws -> String {
    let output = Pipe()
    _ = try Self.start(["--version"], output: output)
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    guard let version = text.firstMatch(of: /etcd Version: (\S+)/) else {
      throw TestFailure("etcd --version says \(text)")
    }
    return String(version.1)
  }
}
