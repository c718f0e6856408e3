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
    let file = try self.config.map { try ElectionsFile($0) }
    let destinations = self.destFile + (file?.destinations ?? [])
    var check = DestinationCheck()
    for path in destinations { _ = check.add(path) }
    let sources = (file?.sources ?? []).map { (flag: "source-file", path: $0) }
    for (flag, path) in sources + (self.config.map { [(flag: "config", path: $0)] } ?? []) {
      if let destination = check.destination(at: path) {
        throw CommandFailure(description: Elections.meeting(flag, path, destination))
      }
    }
    for path in destinations {
      let lock = ManifestLock(of: path)
      if case .taken(let owner) = lock.hold() {
        failures.append("\(path) belongs to a running elector, \(owner): stop it instead")
        continue
      }
      defer { lock.release() }
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
