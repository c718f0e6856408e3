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
    // The parser would want the flags of an election first.
    if arguments.first == "clean" {
      Clean.main(Array(arguments.dropFirst()))
      Clean.exit()
    }
    do {
      var command = try ElectorCommand.parseAsRoot(arguments)
      guard let elector = command as? ElectorCommand else {
        try command.run()
        ElectorCommand.exit()
      }
      if elector.isGuard { exit(elector.runGuard(arguments)) }
      Task { await Self.run(elector) }
    } catch {
      ElectorCommand.exit(withError: error)
    }
    dispatchMain()
  }

  private static func run(_ elector: ElectorCommand) async {
    do {
      try await elector.run()
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
