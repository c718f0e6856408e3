import ArgumentParser
import Dispatch
import Elector
import Glibc
import GoFlags
import Klog
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
      var command = try Self.command(arguments)
      if let elector = command as? ElectorCommand, elector.isGuard {
        exit(elector.runGuard(arguments))
      }
      if let elector = command as? ElectorCommand { elector.takeItsName() }
      if command is any AsyncParsableCommand {
        Task { await Self.run(arguments) }
        dispatchMain()
      }
      try command.run()
      ElectorCommand.exit()
    } catch {
      ElectorCommand.exit(withError: error)
    }
  }

  /// The parser would want the flags of an election before the name of another command.
  private static func command(_ arguments: [String]) throws -> any ParsableCommand {
    let others = ElectorCommand.configuration.subcommands
    guard let name = arguments.first,
      let other = others.first(where: { $0.configuration.commandName == name })
    else { return try ElectorCommand.parseAsRoot(arguments) }
    do {
      return try other.parseAsRoot(Array(arguments.dropFirst()))
    } catch {
      other.exit(withError: error)
    }
  }

  private static func run(_ arguments: [String]) async {
    do {
      var command = try Self.command(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      ElectorCommand.exit()
    } catch {
      ElectorCommand.exit(withError: error)
    }
  }
}

extension ElectorCommand {
  /// Whether this process is to be the guard of another one.
  fileprivate var isGuard: Bool { self.isGuarded.isTrue && self.guardDescriptor == nil }

  fileprivate func runGuard(_ arguments: [String]) -> Int32 {
    self.setUpLog()
    let mark = "--guard-descriptor=\(GuardProcess.descriptorMark)"
    var process = GuardProcess(
      destinations: [self.destFile],
      command: [CommandLine.arguments.first ?? "elector", mark] + arguments,
      logger: Logger(label: "guard"))
    return process.run()
  }

  /// The kernel calls a guard's child `exe`, after `/proc/self/exe`. Source: proc(5), `comm`.
  fileprivate func takeItsName() {
    guard self.guardDescriptor != nil, let file = fopen("/proc/self/comm", "w") else { return }
    fputs("elector", file)
    fclose(file)
  }

  /// - Returns: `nil` without a guard.
  /// - Throws: when the descriptor is none that a guard has made.
  func guardLink(timing: Timing) async throws -> GuardLink? {
    guard let guardDescriptor else { return nil }
    do {
      return try await GuardLink.connect(descriptor: guardDescriptor, patience: timing.margin)
    } catch {
      throw ValidationError("--guard-descriptor is for the guard's own use: \(error)")
    }
  }

  func setUpLog() {
    self.logFormat.bootstrap(logLevel: KlogHandler.level(verbosity: self.verbosity))
  }
}
