import Foundation
import HTTPEndpoint

/// A real etcd of a test's own, for as long as a closure runs; its directory goes with it.
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
    /// Whether every client has to show a certificate.
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
      // Its gateway connects to itself at the port that it was told, so that it cannot be told 0. The
      // peers' socket can.
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

  /// Starts one, with other ports should somebody have been faster.
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
  public static func withCluster<Value: Sendable>(
    of count: Int, _ body: ([RealEtcd]) async throws -> Value
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
            "--enable-v2=true", "--name", "m\(index)", "--data-dir", files.path("data\(index)"),
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
    guard let program else { throw TestFailure("there is no etcd") }
    try Data().write(to: URL(filePath: log))
    let output = try FileHandle(forWritingTo: URL(filePath: log))
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardError = output
    process.standardOutput = output
    try process.run()
    return process
  }

  private static func end(_ process: Process) {
    // Nobody else can have its number before it was reaped, which is after Foundation knows.
    if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGKILL) }
    process.awaitEnd()
  }

  /// Where it listens, from its log; by then it answers. `nil` when it has ended.
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

/// Something that a test needs is not as it should be.
public struct TestFailure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A directory that goes when its closure ends.
public struct TemporaryFiles: Sendable {
  private let directory: URL

  public func path(_ name: String) -> String { self.directory.appending(path: name).path }

  public func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: self.path(name)))
  }

  @discardableResult
  public static func with<Value>(
    _ body: (TemporaryFiles) async throws -> Value
  ) async throws -> Value {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "zweimaster-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(TemporaryFiles(directory: directory))
  }
}

/// Ports that nobody listens on at this moment.
public enum FreePort {
  public static func some(_ count: Int) throws -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      sockets.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard isBound else { throw TestFailure("no port: \(String(cString: strerror(errno)))") }
      return Int(UInt16(bigEndian: address.sin_port))
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
    guard let program else { throw TestFailure("there is no etcd") }
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = ["--version"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    guard let version = text.firstMatch(of: /etcd Version: (\S+)/) else {
      throw TestFailure("etcd --version says \(text)")
    }
    return String(version.1)
  }
}
