import ArgumentParser
import CommandLine
import Foundation
import KVStore

/// `--data-dir` of a subcommand. The program has the same flag, which the environment and the file set; this
/// one puts it into each subcommand's help.
struct DataDirectoryOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory of the database. (default: default.kvstore)", valueName: "dir"))
  var dataDir: String?

  func path(beside parent: KVStoreCommand) -> String { self.dataDir ?? parent.dataDir }
}

/// `kvstore check`.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the database, also while a kvstore uses it.",
    discussion: """
      Reads the whole database and changes nothing. The exit status is 1 for a damaged one.

      Example:  kvstore check --data-dir /var/lib/kvstore
      """)

  @ParentCommand var parent: KVStoreCommand
  @OptionGroup var data: DataDirectoryOption

  func run() throws {
    Interruption.endsAtOnce()
    do {
      let directory = DataDirectory(self.data.path(beside: self.parent))
      let summary = try shown { try directory.check(progress: $0) }
      print("kvstore: \(self.data.path(beside: self.parent)) is whole: \(summary)")
    } catch {
      try fail(error)
    }
  }
}

/// `kvstore backup`.
struct Backup: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy the database to a file, also while a kvstore uses it.",
    discussion: """
      The backup is consistent. The file gets its name once it is complete, checked and synced. \
      An existing file of that name is kept, unless --force is given.

      Example:  kvstore backup kvstore.backup --data-dir /var/lib/kvstore
      """)

  @ParentCommand var parent: KVStoreCommand
  @OptionGroup var data: DataDirectoryOption

  @Argument(help: "The file to create.")
  var file: String

  @Flag(help: "Replace an existing file.")
  var force = false

  func run() throws {
    Interruption.endsAtOnce(removing: DataDirectory.unfinishedFiles(ofBackup: self.file))
    do {
      let directory = DataDirectory(self.data.path(beside: self.parent))
      let summary = try shown {
        try directory.backUp(to: self.file, replacing: self.force, progress: $0)
      }
      print("kvstore: \(self.file) has \(summary)")
    } catch {
      try fail(error)
    }
  }
}

/// `kvstore restore`.
struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replace the database by a backup, while no kvstore uses it.",
    discussion: """
      The backup is checked first. --force replaces an existing database, which is kept under a \
      name with the date.

      Clients notice: the index continues far beyond the highest known one, and older watchers get \
      401 ("event index cleared") and read again. Keys whose TTL ended since the backup expire at \
      the next start.

      Example:  kvstore restore kvstore.backup --data-dir /var/lib/kvstore
      """)

  @ParentCommand var parent: KVStoreCommand
  @OptionGroup var data: DataDirectoryOption

  @Argument(help: "A file of `kvstore backup`.")
  var file: String

  @Flag(help: "Replace an existing database.")
  var force = false

  func run() throws {
    let directory = DataDirectory(self.data.path(beside: self.parent))
    Interruption.endsAtOnce(removing: directory.unfinishedFiles)
    do {
      let restoration = try shown {
        try directory.restore(from: self.file, replacing: self.force, progress: $0)
      }
      print("kvstore: \(self.data.path(beside: self.parent)) has \(restoration.summary)")
      if let old = restoration.keptAside { print("kvstore: the old database is \(old)") }
      if let reason = restoration.unreadable {
        print("kvstore: its index could not be read (\(reason)): the index follows the backup's")
      }
    } catch {
      try fail(error)
    }
  }
}

/// Shows how far the work is while it lasts.
private func shown<Value>(
  _ work: (@escaping (MaintenanceProgress) -> Void) throws -> Value
) rethrows -> Value {
  let display = ProgressDisplay("kvstore")
  return try display.during(LongTask("", of: 1)) {
    try work { progress in
      display.update { task in
        task.share = progress.share
        task.step = progress.pass.rawValue
        // Bytes are told as megabytes.
        let scale = progress.pass == .copying ? 1_000_000 : 1
        task.unit = progress.pass == .copying ? "MB" : "rows"
        (task.done, task.total) = (progress.done / scale, progress.total / scale)
      }
    }
  }
}

/// Prints the error and ends the program.
func fail(_ error: some Error) throws -> Never {
  FileHandle.standardError.write(Data("kvstore: \(error)\n".utf8))
  throw ExitCode(1)
}
