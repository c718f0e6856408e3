/// One of the manifests of a guard.
public struct GuardedManifest: Sendable {
  let link: GuardLink
  let manifest: UInt16

  /// - Parameters:
  ///   - manifest: its index among the destinations with which the guard started.
  ///   - link: the connection to the guard.
  public init(link: GuardLink, manifest: UInt16 = 0) {
    self.link = link
    self.manifest = manifest
  }

  /// - Parameter limit: the end of the wait for an answer; `nil` to wait until the guard answers or is lost.
  func ask(
    _ kind: GuardRequest.Kind, until limit: ContinuousClock.Instant? = nil
  ) async -> GuardRequests.Conclusion {
    await self.link.ask(kind, manifest: self.manifest, until: limit)
  }
}
