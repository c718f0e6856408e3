import KubernetesObjects

// FROZEN: this folder imitates how each release of the kubelet reads its manifest directory, with the
// defects of releases before 1.26. It is kept because its tests compare it with real kubelets. Do not add
// releases; without `--kubelet-version` none of this runs.

/// The path from files to pods in a release of the real kubelet, with its defects, as a value.
///
/// It has one place for each pod's name. A list replaces all places, except that an empty list replaces
/// none. An event changes one place. Then the pods in all places are compared, by uid, with the former ones.
/// It follows:
/// - a file that turns bad keeps its pod until the next list;
/// - of two files with one pod the last one written counts until the next list, then the one whose name sorts
///   last; the removal of either removes the pod until the next list;
/// - after a list without any pod, the next event restores the former pods until the list after it.
///
/// Source: `pkg/kubelet/config/file.go`, `file_linux.go`, `config.go` Merge.
struct ReleaseScanner: Sendable {
  /// An event of the watch.
  enum FileChange: Equatable, Sendable {
    /// The file was created or written; its content.
    case written(DirectoryListing.Entry)
    case removed
  }

  private let directory: String
  private let node: PodManifest.Node
  private let version: KubeletVersion
  /// The pods in their places.
  private var store: [PodName: PodManifest] = [:]
  /// The place of each file's pod when the file was last read.
  private var places: [String: PodName] = [:]
  /// The current pods.
  private(set) var pods: [PodName: PodManifest] = [:]
  /// Whether ``pods`` equals the places' content; false after an empty list.
  private var isInStep = true
  private var missingReason: String?

  init(directory: String, node: PodManifest.Node, version: KubeletVersion) {
    self.directory = ManifestScanner.withoutSlashes(directory)
    self.node = node
    self.version = version
  }

  /// Applies a list.
  mutating func apply(_ listing: DirectoryListing) -> ManifestChanges {
    var changes = ManifestChanges()
    var found: [PodName: PodManifest] = [:]
    for (name, entry) in changes.entries(of: listing, &self.missingReason) {
      guard let manifest = self.read(entry, name: name, errors: &changes.errors) else {
        continue
      }
      if self.version.firstDuplicateWins, found[manifest.name] != nil { continue }
      found[manifest.name] = manifest
    }
    // An empty list counts, but the places keep their pods.
    if !found.isEmpty || self.version.watch == .none { self.store = found }
    changes.add(from: self.pods, to: found)
    self.pods = found
    self.isInStep = found.count == self.store.count
    return changes
  }

  /// Applies an event.
  mutating func apply(_ change: FileChange, name: String) -> ManifestChanges {
    var changes = ManifestChanges()
    switch change {
    case .written(let entry):
      guard let manifest = self.read(entry, name: name, errors: &changes.errors) else {
        return changes
      }
      self.set(manifest, at: manifest.name, changes: &changes)
    case .removed:
      guard let place = self.places.removeValue(forKey: name) else { return changes }
      self.set(nil, at: place, changes: &changes)
    }
    return changes
  }

  /// Changes one place; then the pods of all places count.
  private mutating func set(
    _ manifest: PodManifest?, at place: PodName, changes: inout ManifestChanges
  ) {
    self.store[place] = manifest
    guard self.isInStep else {
      changes.add(from: self.pods, to: self.store)
      self.pods = self.store
      self.isInStep = true
      return
    }
    // Comparing one place is enough: with thousands of files a full comparison is slow.
    func only(_ manifest: PodManifest?) -> [PodName: PodManifest] {
      manifest.map { [place: $0] } ?? [:]
    }
    changes.add(from: only(self.pods[place]), to: only(manifest))
    self.pods[place] = manifest
  }

  private mutating func read(
    _ entry: DirectoryListing.Entry, name: String, errors: inout [ManifestError]
  ) -> PodManifest? {
    do throws(ManifestError) {
      let manifest = try ManifestScanner.manifest(
        in: entry, path: ManifestScanner.path(of: name, in: self.directory), node: self.node)
      self.places[name] = manifest.name
      return manifest
    } catch {
      errors.append(error)
      return nil
    }
  }
}
