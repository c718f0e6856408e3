import KubernetesObjects

/// The changes from one scan of the manifest directory to the next.
package struct ManifestChanges: Equatable, Sendable {
  /// Applied before ``added``. In the order of the names.
  package var removed: [PodName] = []
  /// In the order of the names; a pod with a new uid is in both lists.
  package var added: [PodManifest] = []
  /// Changed under the same name and uid. In the order of the names.
  package var updated: [PodManifest] = []
  /// In the order of the files.
  package var errors: [ManifestError] = []
  /// Why the directory cannot be read any more.
  package var directoryVanished: String?
  /// Whether the directory can be read again.
  package var directoryReturned = false

  package init() {}

  /// Records whether the directory can be read.
  /// - Parameter missingReason: why it could not be read before; `nil` when it could.
  /// - Returns: its entries in the order of the names, a single manifest without a name; none when it is
  ///   missing.
  mutating func entries(
    of listing: DirectoryListing, _ missingReason: inout String?
  ) -> [(key: String, value: DirectoryListing.Entry)] {
    switch listing {
    case .entries(let entries):
      self.directoryReturned = missingReason != nil
      missingReason = nil
      return entries.sorted(by: ByteOrder.precedes)
    case .file(let entry):
      self.directoryReturned = missingReason != nil
      missingReason = nil
      return [("", entry)]
    case .missing(let reason):
      if missingReason != reason { self.directoryVanished = reason }
      missingReason = reason
      return []
    }
  }

  /// Adds the changes from one set of pods to another.
  package mutating func add(from old: [PodName: PodManifest], to new: [PodName: PodManifest]) {
    for (name, pod) in old.sorted(by: { $0.key < $1.key }) where new[name]?.uid != pod.uid {
      self.removed.append(name)
    }
    for (name, pod) in new.sorted(by: { $0.key < $1.key }) {
      if let former = old[name], former.uid == pod.uid {
        // The path does not count: the same text in another file is the same pod.
        if (former.metadata, former.spec) != (pod.metadata, pod.spec) { self.updated.append(pod) }
      } else {
        self.added.append(pod)
      }
    }
  }
}
