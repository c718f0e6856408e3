import KubernetesObjects

/// What a look at the manifest directory found.
public enum DirectoryListing: Equatable, Sendable {
  /// Its entries by file name; names that begin with a dot are not among them.
  case entries([String: Entry])
  /// There is no directory to be read; the reason.
  case missing(reason: String)

  public enum Entry: Equatable, Sendable {
    case content([UInt8])
    /// No regular file, or not readable; the reason.
    case unreadable(reason: String)
  }
}

/// Compares what the manifest directory holds with what it held before, as a value.
///
/// - One bad file never disturbs the others. A file that turns bad keeps the pod of its last good
///   content until it is good again or gone. (The real kubelet ends that pod at its next periodic
///   look, up to 20 s later.)
/// - Of two files with a pod of the same namespace and name the one counts whose name sorts last, as
///   with the real one; here the other is complained about.
/// - The uid tells whether a pod is the same: a manifest that gives its uid itself and is rewritten
///   with it is an update. Any other change is another uid, hence a removal and an addition.
/// - A directory that is not there is an empty one.
/// - A complaint is made once, and again only when the file's content has changed.
/// - Source: `pkg/kubelet/config/file.go`, `config.go` Merge.
public struct ManifestScanner: Sendable {
  /// What follows from a look.
  public struct Findings: Equatable, Sendable {
    /// To be carried out before ``added``. In the order of the names.
    public var removed: [PodName] = []
    /// In the order of the names; a pod with another uid than before is in both.
    public var added: [PodManifest] = []
    /// Rewritten under the same name and uid. In the order of the names.
    public var updated: [PodManifest] = []
    /// In the order of the files.
    public var complaints: [ManifestError] = []
    /// The directory has vanished, for this reason.
    public var directoryVanished: String?
    /// The directory is back.
    public var directoryReturned = false

    package init() {}

    /// Notes what leads from some pods to others.
    package mutating func compare(_ old: [PodName: PodManifest], with new: [PodName: PodManifest]) {
      for (name, pod) in old.sorted(by: { $0.key < $1.key }) where new[name]?.uid != pod.uid {
        self.removed.append(name)
      }
      for (name, pod) in new.sorted(by: { $0.key < $1.key }) {
        if let former = old[name], former.uid == pod.uid {
          // The same text in another file is the same pod.
          if (former.metadata, former.spec) != (pod.metadata, pod.spec) { self.updated.append(pod) }
        } else {
          self.added.append(pod)
        }
      }
    }
  }

  private struct File: Sendable {
    let entry: DirectoryListing.Entry
    /// Of the last good content.
    let manifest: PodManifest?
  }

  private let directory: String
  private let node: PodManifest.Node
  private var files: [String: File] = [:]
  /// The pods that count.
  public private(set) var pods: [PodName: PodManifest] = [:]
  private var overruled: Set<OverruledFile> = []
  private var missingReason: String?

  /// - Parameters:
  ///   - directory: the path that files' paths begin with.
  ///   - node: by what manifests are judged and named.
  public init(directory: String, node: PodManifest.Node) {
    self.directory = Self.withoutSlashes(directory)
    self.node = node
  }

  /// A path without slashes at its end.
  static func withoutSlashes(_ path: String) -> String {
    var path = path[...]
    while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    return String(path)
  }

  /// Takes in a look and says what has changed since the one before.
  public mutating func take(_ listing: DirectoryListing) -> Findings {
    var findings = Findings()
    var entries: [String: DirectoryListing.Entry] = [:]
    switch listing {
    case .entries(let found):
      findings.directoryReturned = self.missingReason != nil
      self.missingReason = nil
      entries = found
    case .missing(let reason):
      if self.missingReason != reason { findings.directoryVanished = reason }
      self.missingReason = reason
    }

    var files: [String: File] = [:]
    for (name, entry) in entries.sorted(by: ByteOrder.precedes) {
      if let known = self.files[name], known.entry == entry {
        files[name] = known
        continue
      }
      do throws(ManifestError) {
        files[name] = File(
          entry: entry,
          manifest: try Self.manifest(in: entry, path: "\(self.directory)/\(name)", node: self.node)
        )
      } catch {
        findings.complaints.append(error)
        files[name] = File(entry: entry, manifest: self.files[name]?.manifest)
      }
    }
    self.files = files

    let pods = self.claims(complaints: &findings.complaints)
    findings.compare(self.pods, with: pods)
    self.pods = pods
    return findings
  }

  /// The last file wins.
  private mutating func claims(complaints: inout [ManifestError]) -> [PodName: PodManifest] {
    var pods: [PodName: PodManifest] = [:]
    var overruled: Set<OverruledFile> = []
    for (_, file) in self.files.sorted(by: ByteOrder.precedes) {
      guard let manifest = file.manifest else { continue }
      if let loser = pods.updateValue(manifest, forKey: manifest.name) {
        let key = OverruledFile(path: loser.path, uid: loser.uid, winner: manifest.path)
        overruled.insert(key)
        if !self.overruled.contains(key) {
          complaints.append(
            ManifestError(
              path: loser.path, stage: .duplicate,
              problems: [
                FieldProblem(
                  field: "metadata.name",
                  "the pod \(manifest.name) is in \(manifest.path), too, which counts: its name "
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
      throw ManifestError(
        path: path, stage: .read, problems: [FieldProblem(field: nil, reason)])
    }
  }
}

/// Which complaint about an overruled file has been made.
private struct OverruledFile: Hashable {
  let path: String
  let uid: String
  let winner: String
}
