import ArgumentParser
import Foundation
import KVStore

/// Where a subcommand's data are. The program itself has the same flag, which the environment and the file set;
/// it is said here, too, so that each subcommand's help has it.
struct DataDirectoryOption: ParsableArguments {
  @Option(
    help: ArgumentHelp("Where the data are kept. (default: default.kvstore)", valueName: "dir"))
  var dataDir: String?

  func path(beside parent: KVStoreCommand) -> String { self.dataDir ?? parent.dataDir }
}

/// `kvstore check`.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look whether the database is whole, also while a kvstore runs on it.",
    discussion: """
      Reads the whole database and changes nothing. The exit status is 1 when something is wrong.

      Example:  kvstore check --data-dir /var/lib/kvstore
      """)

  @ParentCommand var parent: KVStoreCommand
  @OptionGroup var data: DataDirectoryOption

  func run() throws {
    do {
      let summary = try DataDirectory(self.data.path(beside: self.parent)).check()
      print("kvstore: \(self.data.path(beside: self.parent)) is whole: \(summary)")
    } catch {
      try fail(error)
    }
  }
}

/// `kvstore backup`.
struct Backup: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy the database to a file, also while a kvstore runs on it.",
    discussion: """
      The copy is of one moment. It gets its name when it is whole, checked and on the disk; a file \
      that is there under that name is kept, unless --force is given.

      Example:  kvstore backup kvstore.backup --data-dir /var/lib/kvstore
      """)

  @ParentCommand var parent: KVStoreCommand
  @OptionGroup var data: DataDirectoryOption

  @Argument(help: "The file to make.")
  var file: String

  @Flag(help: "Replace the file if it is there.")
  var force = false

  func run() throws {
    do {
      let summary = try DataDirectory(self.data.path(beside: self.parent))
        .backUp(to: self.file, replacing: self.force)
      print("kvstore: \(self.file) has \(summary)")
    } catch {
      try fail(error)
    }
  }
}

/// `kvstore restore`.
struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put a copy in the place of the database, while no kvstore runs on it.",
    discussion: """
      The copy is checked first. A database that is there is replaced with --force only, and kept \
      under a name with the date.

      Clients notice: the index goes on far beyond the highest one that is known, never back, and \
      watchers from before are told 401 ("event index cleared") and read again. Keys whose TTL ran \
      out since the copy was made expire at the start.

      Example:  kvstore restore kvstore.backup --data-dir /var/lib/kvstore
      """)

  @ParentCommand var parent: KVStoreCommand
  @OptionGroup var data: DataDirectoryOption

  @Argument(help: "A file that `kvstore backup` made.")
  var file: String

  @Flag(help: "Replace the database if there is one.")
  var force = false

  func run() throws {
    do {
      let restoration = try DataDirectory(self.data.path(beside: self.parent))
        .restore(from: self.file, replacing: self.force)
      print("kvstore: \(self.data.path(beside: self.parent)) has \(restoration.summary)")
      if let old = restoration.keptAside { print("kvstore: what was there before is \(old)") }
      if let reason = restoration.unreadable {
        print("kvstore: its index could not be read (\(reason)); the copy's was counted from")
      }
    } catch {
      try fail(error)
    }
  }
}

/// Ends the program with what is wrong on standard error.
func fail(_ error: some Error) throws -> Never {
  FileHandle.standardError.write(Data("kvstore: \(error)\n".utf8))
  throw ExitCode(1)
}
