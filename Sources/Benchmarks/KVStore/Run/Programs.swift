import Glibc
import Subprocess
import SystemPackage

/// Where the programs are that take part.
package struct Programs: Sendable {
  package let kvstore: String
  package let etcd: String
  package let wrk: String
  /// This program itself, which is the bare server, too.
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

  /// What etcd and wrk say of themselves.
  package func versions() async throws -> [Report.Version] {
    [
      Report.Version("etcd", try await self.firstLine(self.etcd, "--version")),
      Report.Version("wrk", try await self.firstLine(self.wrk, "-v")),
    ]
  }

  private func firstLine(_ program: String, _ flag: String) async throws -> String {
    // wrk ends with 1 after it has said its version.
    let result = try await Subprocess.run(
      .path(FilePath(program)), arguments: [flag], output: .string(limit: 64 << 10),
      error: .combinedWithOutput)
    let line = result.standardOutput.split(separator: "\n").first ?? ""
    return String(line.prefix(upTo: line.firstRange(of: "Copyright")?.lowerBound ?? line.endIndex))
  }
}
