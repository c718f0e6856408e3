import Foundation
import Subprocess

/// The files of this checkout.
public enum Project {
  public static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  public static func text(_ path: String) throws -> String {
    try String(contentsOf: self.root.appending(path: path), encoding: .utf8)
  }
}

/// A program of this package, beside the test bundle.
public struct BuiltProgram: Sendable {
  /// The directory of all programs.
  public static let directory =
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    .map { URL(filePath: $0).deletingLastPathComponent().path } ?? "."

  public let path: String

  public init(_ name: String) { self.path = "\(Self.directory)/\(name)" }

  public var executable: Executable { .path(.init(self.path)) }

  /// Runs it to its end. One that does not end by itself would hold up all tests, and outlive them.
  /// - Throws: ``TestFailure`` after two minutes, with the program stopped.
  public func run(_ arguments: [String]) async throws -> (
    status: TerminationStatus, output: String, errors: String
  ) {
    var options = PlatformOptions()
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(5))]
    return try await withThrowingTaskGroup { [options] group in
      group.addTask {
        let result = try await Subprocess.run(
          self.executable, arguments: Arguments(arguments), platformOptions: options,
          output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        return (result.terminationStatus, result.standardOutput, result.standardError)
      }
      group.addTask {
        try await Task.sleep(for: .seconds(120))
        let line = ([URL(filePath: self.path).lastPathComponent] + arguments).joined(separator: " ")
        throw TestFailure("it has not ended within two minutes: \(line)")
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }
}
