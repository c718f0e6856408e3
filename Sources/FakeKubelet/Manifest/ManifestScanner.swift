import KubernetesObjects

/// Compares the manifest directory with its former content, as a value.
///
/// - A bad file never disturbs the others. A file that turns bad keeps the pod of its last good content
///   until it is good again or gone. (The real kubelet stops that pod at its next periodic list, up to 20 s
///   later.)
/// - Of two files with the same pod name the one whose file name sorts last counts, as in the real kubelet;
///   here the other one gets an error.
/// - The uid identifies a pod. A manifest that sets its uid and changes is an update; any other change gives
///   another uid, so it is a removal and an addition.
/// - A missing directory counts as an empty one.
/// - An error is reported once, and again only after the file's content has changed.
/// - Source: `pkg/kubelet/config/file.go`, `config.go` Merge.
package struct ManifestScanner: Sendable {

  private struct File: Sendable {
    let entry: DirectoryListing.Entry
    /// The pod of the last good content.
    let manifest: PodManifest?
  }

  private let directory: String
  private let node: PodManifest.Node
  private var files: [String: File] = [:]
  /// The current pods.
  package private(set) var pods: [PodName: PodManifest] = [:]
  private var overruled: Set<OverruledFile> = []
  private var missingReason: String?

  /// - Parameters:
  ///   - directory: the directory's path, the prefix of the files' paths.
  ///   - node: the node's settings for manifests.
  package init(directory: String, node: PodManifest.Node) {
    self.directory = Self.withoutSlashes(directory)
    self.node = node
  }

  /// A path without trailing slashes.
  static func withoutSlashes(_ path: String) -> String {
    var path = path[...]
    while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    return String(path)
  }

  /// The path of a file in the directory; a single manifest has no name besides it.
  static func path(of name: String, in directory: String) -> String {
    name.isEmpty ? directory : "\(directory)/\(name)"
  }

  /// Compares a listing with the one before.
  package mutating func scan(_ listing: DirectoryListing) -> ManifestChanges {
    var changes = ManifestChanges()
    var files: [String: File] = [:]
    for (name, entry) in changes.entries(of: listing, &self.missingReason) {
      if let known = self.files[name], known.entry == entry {
        files[name] = known
        continue
      }
      do throws(ManifestError) {
        files[name] = File(
          entry: entry,
          manifest: try Self.manifest(
            in: entry, path: Self.path(of: name, in: self.directory), node: self.node))
      } catch {
        changes.errors.append(error)
        files[name] = File(entry: entry, manifest: self.files[name]?.manifest)
      }
    }
    self.files = files

    let pods = self.claims(errors: &changes.errors)
    changes.add(from: self.pods, to: pods)
    self.pods = pods
    return changes
  }

  /// The current pods; of several files with one pod the last file wins.
  private mutating func claims(errors: inout [ManifestError]) -> [PodName: PodManifest] {
    var pods: [PodName: PodManifest] = [:]
    var overruled: Set<OverruledFile> = []
    for (_, file) in self.files.sorted(by: ByteOrder.precedes) {
      guard let manifest = file.manifest else { continue }
      if let loser = pods.updateValue(manifest, forKey: manifest.name) {
        let key = OverruledFile(path: loser.path, uid: loser.uid, winner: manifest.path)
        overruled.insert(key)
        if !self.overruled.contains(key) {
          errors.append(
            ManifestError(
              path: loser.path, stage: .duplicate,
              problems: [
                FieldProblem(
                  field: "metadata.name",
                  "the pod \(manifest.name) is also in \(manifest.path), which counts: its name "
                    + "sorts after this one")
              ]))
        }
      }
    }
    self.overruled = overruled
    return pods
  }

  static func manifest(
    in entry: DirectoryListing.Entry, path: String, node: PodManifest.Node
  ) throws(ManifestError) -> PodManifest {
    switch entry {
    case .content(let bytes): return try PodManifest(decoding: bytes, path: path, node: node)
    case .unreadable(let reason):
      throw ManifestError(path: path, stage: .read, reason)
    }
  }
}

/// An error about an overruled file that was reported.
private struct OverruledFile: Hashable {
  let path: String
  let uid: String
  let winner: String
}
