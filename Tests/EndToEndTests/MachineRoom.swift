import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import TestSupport
import Testing

extension Trait where Self == ConditionTrait {
  /// Only where the recipe's machines can run.
  static var whereMachinesAre: Self {
    .enabled(if: MachineRoom.obstacle == nil, "\(MachineRoom.obstacle ?? "")")
  }
}

/// A box for the recipe's machine room: a directory with the project's programs where a build puts them, and a network
/// namespace in which every port is free, or this machine's network.
struct MachineRoom: Sendable {
  struct Answer: Equatable, Sendable {
    /// Standard output, and then standard error.
    var text: String
    var status: TerminationStatus
  }

  let directory: String
  /// A process in the box's network; `nil` for this machine's own.
  private let box: Int32?

  /// What this machine lacks for it; `nil` for nothing.
  static let obstacle: String? = {
    if EndToEnd.store != .kvstore { return "its store is kvstore" }
    if geteuid() != 0 { return "it takes root" }
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let places = path.split(separator: ":").map(String.init) + ["/usr/sbin"]
    return ["ip", "bwrap", "haproxy", "kubectl", "curl", "nsenter", "unshare"].first { program in
      !places.contains { access("\($0)/\(program)", X_OK) == 0 }
    }.map { "there is no \($0) in PATH ('make deps' installs it)" }
  }()

  /// Runs the body with a box that has its own network; afterwards the box is gone with all its processes.
  static func with(_ body: @escaping @Sendable (MachineRoom) async throws -> Void) async throws {
    try await Self.inDirectory { directory in
      _ = try await Subprocess.run(
        .name("unshare"), arguments: ["--net", "sh", "-c", "ip link set lo up && exec sleep 3600"],
        input: .none, output: .discarded, error: .discarded
      ) { execution in
        defer { try? execution.send(signal: .kill) }
        let room = MachineRoom(directory: directory, box: execution.processIdentifier.value)
        try await eventually("for the box's network") {
          try await room.run("test -d /sys && ip -o link show lo up").text.contains("lo")
        }
        try await room.whileUp(body)
      }
    }
  }

  /// Runs the body with a room in which `zweimaster up --recipe` with these flags has its machines up.
  /// - Parameter hasOwnNetwork: in this machine's network, a test itself can talk to the load balancer.
  static func withMachines(
    _ flags: String, hasOwnNetwork: Bool = true,
    _ body: @escaping @Sendable (MachineRoom) async throws -> Void
  ) async throws {
    let play: @Sendable (MachineRoom) async throws -> Void = { room in
      try await room.during("./.build/debug/zweimaster up --recipe \(flags)") { text in
        try await eventually("for the room", within: .seconds(300)) {
          text().contains("the files are in")
        }
        try await body(room)
      }
    }
    if hasOwnNetwork { return try await Self.with(play) }
    try await Self.inDirectory { try await MachineRoom(directory: $0, box: nil).whileUp(play) }
  }

  private static func inDirectory(_ body: (String) async throws -> Void) async throws {
    try await TemporaryDirectory.with(name: "a room's, \"$x\"") { directory in
      let files = FileManager.default
      try files.createDirectory(atPath: "\(directory)/.build", withIntermediateDirectories: true)
      try files.createSymbolicLink(
        atPath: "\(directory)/.build/debug", withDestinationPath: BuiltProgram.directory)
      try await body(directory)
    }
  }

  /// Runs the body, and ends a cluster that it leaves behind.
  private func whileUp(_ body: (MachineRoom) async throws -> Void) async throws {
    let result: Result<Void, any Error>
    do { result = .success(try await body(self)) } catch { result = .failure(error) }
    _ = try? await self.zweimaster("down")
    try result.get()
  }

  /// Runs a command of `zweimaster` on the box.
  func zweimaster(_ command: String) async throws -> Answer {
    try await self.run("./.build/debug/zweimaster \(command)")
  }

  /// Runs a shell line on the box to its end, in the room's directory.
  func run(_ line: String, environment: [String: String] = [:]) async throws -> Answer {
    let result = try await Subprocess.run(
      .name("env"), arguments: self.arguments(line), environment: self.environment(environment),
      workingDirectory: FilePath(self.directory), input: .none,
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    return Answer(
      text: result.standardOutput + result.standardError, status: result.terminationStatus)
  }

  /// Runs a shell line on a machine.
  func run(_ line: String, on machine: String) async throws -> Answer {
    let quoted = line.replacing("'", with: #"'"'"'"#)
    return try await self.zweimaster("exec \(machine) -- sh -c '\(quoted)'")
  }

  /// Runs a shell line while the body runs, and ends it with ctrl-C.
  /// - Parameter body: gets a function that returns the line's output so far.
  func during(
    _ line: String,
    _ body: @escaping @Sendable (_ text: @escaping @Sendable () -> String) async throws -> Void
  ) async throws {
    let path = "\(self.directory)/\(UUID().uuidString).log"
    let file = try FileDescriptor.open(
      FilePath(path), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
    var options = PlatformOptions()
    // Also when the body fails, `zweimaster up` takes the rest down in order.
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(60))]
    _ = try await Subprocess.run(
      .name("env"), arguments: self.arguments("exec \(line)"),
      environment: self.environment([:]),
      workingDirectory: FilePath(self.directory), platformOptions: options, input: .none,
      output: .fileDescriptor(file, closeAfterSpawningProcess: true), error: .combinedWithOutput
    ) { execution in
      defer { try? execution.send(signal: .interrupt) }
      try await body { contents(path) ?? "" }
    }
  }

  private func arguments(_ line: String) -> Arguments {
    Arguments(
      (self.box.map { ["nsenter", "--target=\($0)", "--net"] } ?? []) + ["sh", "-c", line])
  }

  /// Without the user's kubectl settings and caches.
  private func environment(_ more: [String: String]) -> Environment {
    var values: [Environment.Key: String?] = [
      "HOME": self.directory, "KUBECONFIG": "\(self.directory)/none",
    ]
    for (name, value) in more { values[Environment.Key(stringLiteral: name)] = value }
    return .inherit.updating(values)
  }
}
