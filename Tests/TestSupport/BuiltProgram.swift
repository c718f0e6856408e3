import Foundation
import Subprocess

/// A program of this package, beside the test bundle.
public struct BuiltProgram: Sendable {
  public let path: String

  public init(_ name: String) {
    self.path =
      URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appending(path: name).path
  }

  public var executable: Executable { .path(.init(self.path)) }

  /// Runs it to its end.
  public func run(_ arguments: [String]) async throws -> (
    status: TerminationStatus, output: String, errors: String
  ) {
    let result = try await Subprocess.run(
      self.executable, arguments: Arguments(arguments),
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    return (result.terminationStatus, result.standardOutput, result.standardError)
  }
}
