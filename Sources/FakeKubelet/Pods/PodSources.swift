/// Which pods a node is to run, by who wants them, as a value.
///
/// A static pod and one of the API server's may have the same name. Then the static one counts: nothing
/// that the API server says disturbs a static pod. The other one begins when the static one's manifest is
/// gone.
struct PodSources: Equatable, Sendable {
  /// What changes in one source; removals come first.
  struct Change: Equatable, Sendable {
    var removed: [PodName] = []
    var added: [PodManifest] = []
    var updated: [PodManifest] = []
  }

  private(set) var statics: [PodName: PodManifest] = [:]
  private(set) var fromAPI: [PodName: PodManifest] = [:]
  /// Who has said at least once which pods it wants.
  private(set) var told: Set<PodManifest.Source> = []

  /// Whether a pod of the API server's has to stand back.
  func isOverruled(_ name: PodName) -> Bool { self.statics[name] != nil }

  /// All that count.
  var manifests: [PodManifest] {
    Array(self.fromAPI.merging(self.statics) { $1 }.values)
  }

  /// Takes in a change, and says what changes for the node.
  mutating func take(_ change: Change, from source: PodManifest.Source) -> Change {
    self.told.insert(source)
    switch source {
    case .file: return self.take(statics: change)
    case .api: return self.take(api: change)
    }
  }

  private mutating func take(statics change: Change) -> Change {
    var result = change
    for name in change.removed { self.statics[name] = nil }
    for manifest in change.added {
      if self.statics[manifest.name] == nil, self.fromAPI[manifest.name] != nil,
        !change.removed.contains(manifest.name)
      {
        result.removed.append(manifest.name)
      }
      self.statics[manifest.name] = manifest
    }
    for manifest in change.updated { self.statics[manifest.name] = manifest }
    for name in change.removed where self.statics[name] == nil {
      if let waiting = self.fromAPI[name] { result.added.append(waiting) }
    }
    return result
  }

  private mutating func take(api change: Change) -> Change {
    for name in change.removed { self.fromAPI[name] = nil }
    for manifest in change.added + change.updated { self.fromAPI[manifest.name] = manifest }
    return Change(
      removed: change.removed.filter { !self.isOverruled($0) },
      added: change.added.filter { !self.isOverruled($0.name) },
      updated: change.updated.filter { !self.isOverruled($0.name) })
  }
}
