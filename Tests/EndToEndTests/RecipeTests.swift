import Foundation
import Subprocess
import SystemPackage
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  @Suite struct RecipeTests {
    /// The recipe's command lines, with another program, another endpoint and, without a container, other directories
    /// in place of its mounts.
    @Test func `the recipe's command lines work unchanged`() async throws {
      try await withCluster(masters: 1) { cluster, _ in
        // The cluster's own electors stop, since they use the recipe's keys.
        try await cluster.stop("kube-master1")
        let root = "\(cluster.directory.path)/recipe"
        for directory in ["kubernetes", "manifests"] {
          try FileManager.default.createDirectory(
            atPath: "\(root)/\(directory)", withIntermediateDirectories: true)
        }
        for role in Role.allCases {
          try FileManager.default.copyItem(
            atPath: cluster.directory.source(role, "kube-master1"),
            toPath: "\(root)/kubernetes/\(role.manifestName)")
        }
        let commands = try Self.commands(
          in: try #require(
            contents("\(cluster.directory.manifests("kube-master1"))/podmaster.yaml")))
        #expect(commands.map(\.count) == [5, 5])
        for command in commands {
          let moved = command.map {
            $0.replacing("=/kubernetes/", with: "=\(root)/kubernetes/")
              .replacing("=/manifests/", with: "=\(root)/manifests/")
          }
          #expect(moved[0] == "/podmaster")
          try await self.run(Array(moved.dropFirst()))
        }
      }
    }

    /// Runs one elector until it leads, then ends it in good order.
    private func run(_ arguments: [String]) async throws {
      func value(_ flag: String) throws -> String {
        let argument = try #require(arguments.first { $0.hasPrefix("--\(flag)=") })
        return String(argument.dropFirst(flag.count + 3))
      }
      let (source, destination) = (try value("source-file"), try value("dest-file"))
      let result = try await Subprocess.run(
        .path(FilePath("\(BuiltProgram.directory)/elector")), arguments: Arguments(arguments),
        input: .none,
        output: .discarded, error: .string(limit: 1 << 20)
      ) { execution in
        try await eventually("for \(destination)") {
          contents(destination) != nil && contents(destination) == contents(source)
        }
        try execution.send(signal: .terminate)
      }
      #expect(result.terminationStatus == .exited(0))
      #expect(contents(destination) == nil)
      let log = result.standardError
      let header = #/I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\.swift:\d+\] /#
      let lines = log.split(separator: "\n").map {
        $0.replacing(header, with: "", maxReplacements: 1)
      }
      #expect(lines.first?.hasPrefix("--whoami is empty, defaulting to ") == true)
      let host = try #require(lines.first?.split(separator: " ").last)
      #expect(lines.contains("key already exists, we are the master (\(host))"))
    }

    private static func commands(in manifest: String) throws -> [[String]] {
      try manifest.matches(of: /command: (\[.*\])/).map { match in
        try JSONDecoder().decode([String].self, from: Data(match.1.utf8))
      }
    }
  }
}
