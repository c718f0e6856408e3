import Foundation
import Subprocess
import TestSupport
import Testing

/// Settings of the real program: a flag overrides the environment, and that the file.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct SettingsCommandTests {
  /// The error of `kvstore check`, with the directory: it never exists.
  private func directory(
    _ arguments: [String] = [], environment: [Environment.Key: String] = [:]
  ) async throws -> String {
    let record = try await run(
      RealProgram.built.executable, arguments: Arguments(["check"] + arguments),
      environment: .inherit.updating(environment), input: .none, output: .discarded,
      error: .string(limit: 1 << 16))
    #expect(!record.terminationStatus.isSuccess)
    return record.standardError
  }

  @Test func aFlagGoesBeforeAVariableAndThatBeforeTheFile() async throws {
    try await withTemporaryDirectory { directory in
      let file = directory + "/kvstore.yaml"
      try Data("data-dir: /none/file\n".utf8).write(to: URL(filePath: file))
      let fromFile = ["--config", file]
      let environment: [Environment.Key: String] = ["ETCD_DATA_DIR": "/none/variable"]
      #expect(try await self.directory(fromFile).contains("/none/file/"))
      #expect(
        try await self.directory(fromFile, environment: environment).contains("/none/variable/"))
      #expect(
        try await self.directory(
          fromFile + ["--data-dir", "/none/flag"], environment: environment
        ).contains("/none/flag/"))
    }
  }

  @Test func aMistakeIsNamedWithItsPlace() async throws {
    try await withTemporaryDirectory { directory in
      let file = directory + "/kvstore.yaml"
      try Data("name: a\nv: much\n".utf8).write(to: URL(filePath: file))
      #expect(try await self.directory(["--config", file]).contains("\(file):2: "))
      #expect(
        try await self.directory(environment: ["ETCD_LOG_FORMAT": "xml"])
          .contains("the environment's ETCD_LOG_FORMAT: "))
      #expect(
        try await self.directory(["--config", "/none.yaml"]).contains("/none.yaml: cannot read it"))
    }
  }
}
