import Foundation
import Subprocess
import TestSupport
import Testing

/// Each directory of `Sources/Commands` is a program.
@Suite struct VersionTests {
  private static let programs: [String] = {
    let commands = Project.root.appending(path: "Sources/Commands").path
    let names = try? FileManager.default.contentsOfDirectory(atPath: commands)
    return (names ?? []).filter { !$0.hasPrefix(".") }.sorted()
  }()

  @Test func `there are eight programs`() { #expect(Self.programs.count == 8) }

  @Test(arguments: Self.programs)
  func `each program tells its version and commit`(name: String) async throws {
    let (status, output, errors) = try await BuiltProgram(name).run(["--version"])
    #expect(status == .exited(0), "\(errors)")
    let pattern = /([a-z-]+) 0\.1\.0 \((?:unknown|[0-9a-f]{9}(?:\+changes)?)\)\n/
    #expect(try #require(output.wholeMatch(of: pattern), "\(output)").1 == name)
  }
}
