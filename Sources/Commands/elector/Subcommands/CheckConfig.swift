import ArgumentParser
import CommandLine
import Elector
import Glibc

/// `elector check-config`.
struct CheckConfig: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config",
    abstract: "Check an elector's flags and files, and change nothing.",
    usage: """
      elector check-config --config <file>
      elector check-config <flags>
      """,
    discussion: """
      It takes all flags of an elector, and names each mistake with its file and line or its flag: settings, \
      certificates and passwords that cannot be read, a manifest that is no pod, a destination without a directory, or \
      one that is a file that the elector reads. It asks no server. Run it before `systemctl reload`.

      Example:  elector check-config --config=/etc/elector/elections.yaml
      """)

  @Argument(
    parsing: .captureForPassthrough, help: ArgumentHelp("The elector's flags.", valueName: "flags"))
  var flags: [String] = []

  func run() throws {
    let elections = try Elections(self.flags)
    try elections.check()
    let problems = elections.all.flatMap(\.fileProblems)
    if !problems.isEmpty {
      throw CommandFailure(description: problems.joined(separator: "; "))
    }
    let keys = elections.all.map(\.key).joined(separator: ", ")
    print("elector: the settings are good, and so are the files: \(keys)")
  }
}

extension Elections {
  /// Finds all that would end an elector with these settings at its start.
  /// - Throws: `ValidationError` or the error of the file that cannot be used.
  func check() throws {
    try self.checkDestinations()
    try self.process.etcd.check()
    _ = try self.process.apiserver.server()
    for election in self.all { _ = try election.kubelet.access() }
  }
}

extension ElectionOptions {
  /// What an elector goes on with, since it may be mended later: it follows, and does not lead.
  fileprivate var fileProblems: [String] {
    var problems: [String] = []
    do {
      let grace = ManifestFile.grace(of: self.sourceFile)
      try self.manifest(self.timing(grace: grace)).checkSource()
    } catch {
      problems.append("\(self.key): \(error)")
    }
    let directory = ManifestFile.directory(of: self.destFile)
    if access(directory, W_OK | X_OK) != 0 {
      problems.append(
        "\(self.key): cannot write in \(directory), where --dest-file is: \(String(cString: strerror(errno)))"
      )
    }
    return problems
  }
}
