/// The pods that a node must run, by their source, as a value.
///
/// A static pod overrules a pod of the API server with the same name, so nothing that the API server says
/// disturbs a static pod. The overruled pod starts when the static pod's manifest is gone.
struct PodSources: Equatable, Sendable {
  /// A change of one source's pods; removals come first.
  struct Change: Equatable, Sendable {
    var removed: [PodName] = []
    var added: [PodManifest] = []
    var updated: [PodManifest] = []
  }

  private(set) var statics: [PodName: PodManifest] = [:]
  private(set) var fromAPI: [PodName: PodManifest] = [:]
  /// The sources that have reported their pods at least once.
  private(set) var reported: Set<PodManifest.Source> = []

  /// Whether a static pod overrules the API server's pod of this name.
  func isOverruled(_ name: PodName) -> Bool { self.statics[name] != nil }

  /// The pods to run.
  var manifests: [PodManifest] {
    Array(self.fromAPI.merging(self.statics) { $1 }.values)
  }

  /// Applies a change of one source.
  /// - Returns: the change of the pods to run.
  mutating func apply(_ change: Change, from source: PodManifest.Source) -> Change {
    self.reported.insert(source)
    switch source {
    case .file: return self.apply(statics: change)
    case .api: return self.apply(api: change)
    }
  }

  private mutating func apply(statics change: Change) -> Change {
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

  private mutating func apply(api change: Change) -> Change {
    for name in change.removed { self.fromAPI[name] = nil }
    for manifest in change.added + change.updated { self.fromAPI[manifest.name] = manifest }
    return Change(
      removed: change.removed.filter { !self.isOverruled($0) },
      added: change.added.filter { !self.isOverruled($0.name) },
      updated: change.updated.filter { !self.isOverruled($0.name) })
  }
}
