import Glibc
import Subprocess
import SystemPackage
import TestCluster

/// A server of the benchmark.
package struct Server: Sendable {
  package let subject: Subject
  package let port: Int
  package let process: MeasuredProcess
}

/// The programs that take part, and how the servers among them are started.
package struct Programs: Sendable {
  package let kvstore: String
  package let etcd: String
  package let wrk: String
  /// This program, which is also the bare server.
  package let own: String

  /// Looks for `etcd` and `wrk` in `PATH`.
  /// - Throws: ``BenchmarkError``.
  package init(kvstore: String, own: String) async throws {
    func find(_ name: String) async -> String? {
      try? await Executable.name(name).resolveExecutablePath(in: .inherit).string
    }
    let etcd = await find("etcd")
    let wrk = await find("wrk")
    guard let etcd, let wrk else {
      throw BenchmarkError.missing(
        (etcd == nil ? [.init(name: "etcd", package: "etcd-server")] : [])
          + (wrk == nil ? [.init(name: "wrk", package: "wrk")] : []))
    }
    guard access(kvstore, X_OK) == 0 else { throw BenchmarkError.noProgram(kvstore) }
    self.kvstore = kvstore
    self.etcd = etcd
    self.wrk = wrk
    self.own = own
  }

  /// - Parameters:
  ///   - directory: for data and log.
  ///   - probe: what the server has to answer with 200; `nil` for any answer.
  ///   - bodyBytes: the length of the bare server's answers.
  func launch(
    _ subject: Subject, directory: String, probe: String?, bodyBytes: Int
  ) throws -> MeasuredProcess.Launch {
    let ports = try FreePorts.pick(2)
    var launch = try MeasuredProcess.Launch.kvstore(port: ports[0], directory: directory)
    switch subject {
    case .kvstore: launch.executable = self.kvstore
    case .etcd:
      let (url, peerURL) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
      launch.executable = self.etcd
      launch.arguments = [
        "--enable-v2=true", "--data-dir", "\(directory)/data", "--logger", "zap", "--log-level",
        "error", "--log-outputs", "stderr", "--listen-client-urls", url,
        "--advertise-client-urls", url, "--listen-peer-urls", peerURL,
        "--initial-advertise-peer-urls", peerURL, "--initial-cluster", "default=\(peerURL)",
      ]
    case .bare, .bareCalls:
      launch.executable = self.own
      launch.arguments = ["bare", "--port", "\(ports[0])", "--body-bytes", "\(bodyBytes)"]
      if subject == .bareCalls {
        launch.arguments.append("--calls")
        // It answers no page.
        launch.probe = (ports[0], "")
      }
    }
    launch.name = subject.rawValue
    launch.log = "\(directory)/log"
    if let probe { launch.probe = (ports[0], probe) }
    return launch
  }

  /// The versions of etcd and wrk.
  func versions() async throws -> [(program: String, text: String)] {
    [
      ("etcd", try await self.firstLine(self.etcd, "--version")),
      ("wrk", try await self.firstLine(self.wrk, "-v")),
    ]
  }

  private func firstLine(_ program: String, _ flag: String) async throws -> String {
    // wrk exits 1 after printing its version.
    let result = try await Subprocess.run(
      .path(FilePath(program)), arguments: [flag], output: .string(limit: 64 << 10),
      error: .combinedWithOutput)
    let line = result.standardOutput.split(separator: "\n").first ?? ""
    return String(line.prefix(upTo: line.firstRange(of: "Copyright")?.lowerBound ?? line.endIndex))
  }
}
