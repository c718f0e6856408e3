/// The removals of pods that a kubelet does not carry out yet, as a value.
///
/// Source: kubelet 1.20 on a real machine: before an API server has answered it ends no static pod ("skipping
/// delete because sources aren't ready yet"), and a pod that is removed about when it starts gets its SIGTERM
/// up to 3.7 s later. In between, the pod stays; with its manifest of before it goes on as if nothing had been.
struct WithheldRemovals: Equatable, Sendable {
  /// By the removed pod's name: what is to follow it.
  private var followers: [PodName: PodManifest?] = [:]

  /// Splits a change into what happens now, which it returns, and removals that wait.
  /// - Parameters:
  ///   - isWithheld: whether the removal of this pod has to wait.
  ///   - uid: of the pod that runs under this name.
  mutating func pass(
    _ change: PodSources.Change, isWithheld: (PodName) -> Bool, uid: (PodName) -> String?
  ) -> PodSources.Change {
    var now = PodSources.Change()
    for name in change.removed {
      if self.followers[name] != nil || isWithheld(name) {
        self.followers[name] = .some(nil)
      } else {
        now.removed.append(name)
      }
    }
    for manifest in change.added {
      if self.followers[manifest.name] == nil {
        now.added.append(manifest)
      } else if manifest.uid == uid(manifest.name) {
        self.followers[manifest.name] = nil
        now.updated.append(manifest)
      } else {
        self.followers[manifest.name] = manifest
      }
    }
    for manifest in change.updated {
      if self.followers[manifest.name] == nil {
        now.updated.append(manifest)
      } else {
        self.followers[manifest.name] = manifest
      }
    }
    return now
  }

  /// What has waited, of this pod or of all.
  mutating func release(_ name: PodName? = nil) -> PodSources.Change {
    var change = PodSources.Change()
    for (waiting, follower) in self.followers.sorted(by: { $0.key < $1.key })
    where name == nil || waiting == name {
      change.removed.append(waiting)
      if let follower { change.added.append(follower) }
      self.followers[waiting] = nil
    }
    return change
  }
}
