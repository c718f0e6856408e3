import KubernetesObjects

/// The real kubelet's way from files to pods, its defects included, as a value.
///
/// It keeps one place per pod's name. A list replaces all of them, but an empty one none; an event changes
/// one; whatever came, the pods in all places are then compared, by uid, with those before. From that follow:
/// - a file that is spoilt keeps its pod until the next list;
/// - of two files with one pod the one that was touched last counts until the next list, then the one
///   whose name sorts last; the removal of either removes the pod until the next list;
/// - after a list that found no pod at all, the next event brings the former ones back until the list after it.
///
/// Source: `pkg/kubelet/config/file.go`, `file_linux.go`, `config.go` Merge.
struct FileSource: Sendable {
  /// What an event of the watch says.
  enum Change: Equatable, Sendable {
    /// The file has been made or written; what it holds.
    case written(DirectoryListing.Entry)
    case removed
  }

  private let directory: String
  private let node: PodManifest.Node
  private let version: KubeletVersion
  /// The pods in their places.
  private var store: [PodName: PodManifest] = [:]
  /// Which place a file's pod had when it was last read.
  private var places: [String: PodName] = [:]
  /// The pods that count.
  private(set) var pods: [PodName: PodManifest] = [:]
  /// Whether these are the pods in their places: not after a list that found none.
  private var isInStep = true
  private var missingReason: String?

  init(directory: String, node: PodManifest.Node, version: KubeletVersion) {
    self.directory = ManifestScanner.withoutSlashes(directory)
    self.node = node
    self.version = version
  }

  /// Takes in a list.
  mutating func take(_ listing: DirectoryListing) -> ManifestScanner.Findings {
    var findings = ManifestScanner.Findings()
    let entries: [String: DirectoryListing.Entry]
    switch listing {
    case .entries(let found):
      findings.directoryReturned = self.missingReason != nil
      self.missingReason = nil
      entries = found
    case .missing(let reason):
      if self.missingReason != reason { findings.directoryVanished = reason }
      self.missingReason = reason
      entries = [:]
    }
    var found: [PodName: PodManifest] = [:]
    for (name, entry) in entries.sorted(by: ByteOrder.precedes) {
      guard let manifest = self.read(entry, name: name, complaints: &findings.complaints) else {
        continue
      }
      if self.version.firstDuplicateWins, found[manifest.name] != nil { continue }
      found[manifest.name] = manifest
    }
    // An empty list is passed on, and the places stay as they are.
    if !found.isEmpty || self.version.watch == .none { self.store = found }
    findings.compare(self.pods, with: found)
    self.pods = found
    self.isInStep = found.count == self.store.count
    return findings
  }

  /// Takes in an event.
  mutating func take(_ change: Change, name: String) -> ManifestScanner.Findings {
    var findings = ManifestScanner.Findings()
    switch change {
    case .written(let entry):
      guard let manifest = self.read(entry, name: name, complaints: &findings.complaints) else {
        return findings
      }
      self.set(manifest, at: manifest.name, findings: &findings)
    case .removed:
      guard let place = self.places.removeValue(forKey: name) else { return findings }
      self.set(nil, at: place, findings: &findings)
    }
    return findings
  }

  /// Changes one place; the pods of all places count then.
  private mutating func set(
    _ manifest: PodManifest?, at place: PodName, findings: inout ManifestScanner.Findings
  ) {
    self.store[place] = manifest
    guard self.isInStep else {
      findings.compare(self.pods, with: self.store)
      self.pods = self.store
      self.isInStep = true
      return
    }
    // With thousands of files each event shall not look at all of them.
    func only(_ manifest: PodManifest?) -> [PodName: PodManifest] {
      manifest.map { [place: $0] } ?? [:]
    }
    findings.compare(only(self.pods[place]), with: only(manifest))
    self.pods[place] = manifest
  }

  private mutating func read(
    _ entry: DirectoryListing.Entry, name: String, complaints: inout [ManifestError]
  ) -> PodManifest? {
    do throws(ManifestError) {
      let manifest = try ManifestScanner.manifest(
        in: entry, path: "\(self.directory)/\(name)", node: self.node)
      self.places[name] = manifest.name
      return manifest
    } catch {
      complaints.append(error)
      return nil
    }
  }
}
