import ArgumentParser
import CommandLine
import Dispatch
import Elector
import Glibc
import Logging

/// Decides which of its two parts this process plays.
///
/// Not asynchronous: a guard stays on its one thread, and starts the other part before anything is set
/// up that needs more of them.
@main enum Program {
  static func main() {
    let arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()), switches: ElectorCommand.switches)
    do {
      if let other = Self.other(arguments) {
        try Self.run(other, Array(arguments.dropFirst()))
      }
      let elections = try Elections(arguments)
      if elections.process.isGuard { exit(elections.runGuard(arguments)) }
      elections.process.takeItsName()
      Self.run { try await elections.run() }
    } catch {
      ElectorCommand.exit(withError: error)
    }
  }

  /// The parser would want the flags of an election before the name of another command.
  private static func other(_ arguments: [String]) -> (any ParsableCommand.Type)? {
    arguments.first.flatMap { name in
      ElectorCommand.configuration.subcommands.first { $0.configuration.commandName == name }
    }
  }

  private static func run(
    _ command: any ParsableCommand.Type, _ arguments: [String]
  ) throws -> Never {
    do {
      var parsed = try command.parseAsRoot(arguments)
      if parsed is any AsyncParsableCommand {
        Self.run {
          if var command = try command.parseAsRoot(arguments) as? any AsyncParsableCommand {
            try await command.run()
          }
        }
      }
      try parsed.run()
    } catch {
      command.exit(withError: error)
    }
    command.exit()
  }

  private static func run(_ work: @escaping @Sendable () async throws -> Void) -> Never {
    Task {
      do {
        try await work()
        ElectorCommand.exit()
      } catch {
        ElectorCommand.exit(withError: error)
      }
    }
    dispatchMain()
  }
}

extension Elections {
  fileprivate func runGuard(_ arguments: [String]) -> Int32 {
    self.process.setUpLog()
    let destinations = self.all.map(\.destFile)
    var guardian = GuardProcess(
      destinations: destinations,
      command: [
        CommandLine.arguments.first ?? "elector",
        "--guard-descriptor=\(GuardProcess.descriptorMark)",
      ] + destinations.map { Self.guardedFlag + $0 } + arguments,
      logger: Logger(label: "guard"))
    return guardian.run()
  }
}

extension ElectorCommand {
  /// Whether this process is to be the guard of another one.
  fileprivate var isGuard: Bool { self.isGuarded.isTrue && self.guardDescriptor == nil }

  /// The kernel calls a guard's child `exe`, after `/proc/self/exe`. Source: proc(5), `comm`.
  fileprivate func takeItsName() {
    guard self.guardDescriptor != nil, let file = fopen("/proc/self/comm", "w") else { return }
    fputs("elector", file)
    fclose(file)
  }

  /// - Parameter patience: how long an answer may take.
  /// - Returns: `nil` without a guard.
  /// - Throws: when the descriptor is none that a guard has made.
  func guardLink(patience: Duration) async throws -> GuardLink? {
    guard let guardDescriptor else { return nil }
    do {
      return try await GuardLink.connect(descriptor: guardDescriptor, patience: patience)
    } catch {
      throw ValidationError("--guard-descriptor is for the guard's own use: \(error)")
    }
  }

  func setUpLog() {
    self.logFormat.bootstrap(logLevel: KlogHandler.level(verbosity: self.verbosity))
  }
}
