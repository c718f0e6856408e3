import ArgumentParser
import Elector

/// `elector clean`.
struct Clean: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clean",
    abstract: "Remove manifests that an earlier run left, before the kubelet reads them.",
    usage: """
      elector clean --dest-file <file> ...
      elector clean --config <file>
      """,
    discussion: """
      For the init system, once per boot. A machine that crashed while it led still has the manifest in \
      the kubelet's directory, and the kubelet would start the pod before an elector knows the leader. \
      Do not run it beside an elector that leads.

      Example:  elector clean --dest-file=/etc/kubernetes/manifests/kube-scheduler.yaml
      """)

  @Option(
    help: ArgumentHelp(
      "A manifest's place, as in the elector's flag; may be repeated.", valueName: "file"))
  var destFile: [String] = []

  @Option(
    help: ArgumentHelp("The elector's file.", valueName: "file"))
  var config: String?

  func validate() throws {
    if self.destFile.isEmpty, self.config == nil {
      throw ValidationError("name the manifests with --dest-file or --config")
    }
    if self.destFile.contains(where: { $0.split(separator: "/").isEmpty }) {
      throw ValidationError("--dest-file must not be empty")
    }
  }

  func run() throws {
    var failures: [String] = []
    for path in try self.destFile + (self.config.map { try ElectionsFile($0).destinations } ?? []) {
      do throws(ManifestError) {
        let wasThere = try ManifestPath(path).remove()
        print("elector: \(path) \(wasThere ? "was removed" : "is not there")")
      } catch {
        failures.append(error.description)
      }
    }
    if !failures.isEmpty { throw CommandFailure(description: failures.joined(separator: "; ")) }
  }
}
