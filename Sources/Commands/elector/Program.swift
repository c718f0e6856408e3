import ArgumentParser
import CommandLine
import Dispatch
import Elector
import Glibc
import Logging

/// Decides whether this process is a guard or its child.
///
/// Not asynchronous: a guard has one thread, and starts its child before anything else could start
/// another one.
@main enum Program {
  static func main() {
    let arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()), switches: ElectorCommand.switches)
    do {
      if let successor = arguments.first.flatMap({ ElectorCommand.removedCommands[$0] }) {
        throw ValidationError(successor)
      }
      if let command = Self.subcommand(arguments) {
        try Self.run(command, Array(arguments.dropFirst()))
      }
      let elections = try Elections(arguments)
      try elections.checkDestinations()
      guard let descriptor = elections.process.guardDescriptor else {
        exit(elections.runGuard(arguments))
      }
      // For the control socket, from the instant at which it is made. The elector makes no other files.
      umask(0o077)
      // It is to the guard; a terminal that closes sends it to both.
      signal(SIGHUP, SIG_IGN)
      Self.setProcessName()
      Self.run { try await elections.run(guardDescriptor: descriptor) }
    } catch {
      ElectorCommand.exit(withError: error)
    }
  }

  /// The parser would demand an election's flags before the name of a subcommand.
  private static func subcommand(_ arguments: [String]) -> (any ParsableCommand.Type)? {
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
    // The only task without a group. `main` is not asynchronous, since a guard must have one thread when it
    // blocks its signals and starts its child, and nothing else leads from there to asynchronous work.
    _ = Task(operation: {
      do {
        try await work()
        ElectorCommand.exit()
      } catch {
        ElectorCommand.exit(withError: error)
      }
    })
    dispatchMain()
  }

  /// The kernel names a guard's child `exe`, after `/proc/self/exe`. Source: proc(5), `comm`.
  private static func setProcessName() {
    guard let file = fopen("/proc/self/comm", "w") else { return }
    fputs("elector", file)
    fclose(file)
  }
}

extension Elections {
  fileprivate func runGuard(_ arguments: [String]) -> Int32 {
    self.process.setUpLog()
    let hasFile = self.configuration != nil
    var guardian = GuardProcess(self.guarded(arguments), logger: Logger(label: "guard")) {
      guard hasFile else {
        return .nothing(
          reason: "no --config; certificates and passwords are read again by themselves")
      }
      do {
        let elections = try Elections(arguments)
        try elections.check()
        return .read(elections.guarded(arguments))
      } catch {
        return .refused(reason: ElectorCommand.message(for: error))
      }
    }
    return guardian.run()
  }

  private func guarded(_ arguments: [String]) -> GuardedElector {
    GuardedElector(
      destinations: self.all.map(\.destFile),
      command: [CommandLine.arguments.first ?? "elector"] + arguments,
      configuration: self.configuration.map { Array($0.utf8) })
  }
}

extension ElectorCommand {
  func setUpLog() { self.logFormat.bootstrap(verbosity: self.verbosity) }
}
