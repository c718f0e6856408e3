/// One installation or removal of a manifest, as a value: what the elector does by itself, what it asks its
/// guard for, and what the election learns at the end.
///
/// A removal is done by the elector first, since a guard that is stopped must not delay it. Then the guard is
/// asked, which does it after everything it was asked for before. An installation is the guard's alone.
package struct ManifestChange: Equatable, Sendable {
  package enum Step: Equatable, Sendable {
    /// Make the destination absent; answered by ``removedFile(failure:)``.
    case removeFile
    /// Make the bytes that the destination is to hold; answered by ``made(_:)``.
    case makeContent
    /// Put those bytes there without a guard; answered by ``answered(_:)``.
    case placeContent
    /// Ask the guard; answered by ``answered(_:)``.
    case askGuard
    /// Nothing is left to do.
    /// - `mayBeThere`: the bytes that were made may be in the destination: a pod may come of them.
    case end(Result, mayBeThere: Bool)
  }

  package enum Result: Equatable, Sendable {
    /// - `failure`: why the destination may still be there.
    case removal(failure: String?)
    case installation(ElectionInstallation)
  }

  /// What became of the content.
  package enum Content: Equatable, Sendable {
    /// - `keptBecause`: it was made of what was read earlier, for this reason.
    case made(keptBecause: String?)
    case tooLate
    case failed(reason: String, isUntouched: Bool)
  }

  private let isRemoval: Bool
  private let isGuarded: Bool
  /// Why our own removal failed.
  private var failure: String?
  private var keptBecause: String?

  private init(isRemoval: Bool, isGuarded: Bool) {
    self.isRemoval = isRemoval
    self.isGuarded = isGuarded
  }

  package static func removal(isGuarded: Bool) -> Self {
    Self(isRemoval: true, isGuarded: isGuarded)
  }

  package static func installation(isGuarded: Bool) -> Self {
    Self(isRemoval: false, isGuarded: isGuarded)
  }

  package var first: Step { self.isRemoval ? .removeFile : .makeContent }

  package mutating func removedFile(failure: String?) -> Step {
    self.failure = failure
    return self.isGuarded ? .askGuard : .end(.removal(failure: failure), mayBeThere: false)
  }

  package mutating func made(_ content: Content) -> Step {
    switch content {
    case .made(let reason):
      self.keptBecause = reason
      return self.isGuarded ? .askGuard : .placeContent
    case .tooLate: return .end(.installation(.tooLate), mayBeThere: false)
    case .failed(let reason, let isUntouched):
      return .end(
        .installation(.failed(reason: reason, isUntouched: isUntouched)), mayBeThere: false)
    }
  }

  package func answered(_ answer: GuardRequests.Conclusion) -> Step {
    self.isRemoval ? self.removed(answer) : self.installed(answer)
  }

  private func removed(_ answer: GuardRequests.Conclusion) -> Step {
    let failure: String? =
      switch answer {
      case .answered(.failed(let reason, _)): reason
      case .answered(.done), .answered(.tooLate): nil
      // A guard that is gone cannot put anything there any more.
      case .lost, .silent: self.failure
      }
    return .end(.removal(failure: failure), mayBeThere: false)
  }

  private func installed(_ answer: GuardRequests.Conclusion) -> Step {
    switch answer {
    case .answered(.done):
      let installation =
        self.keptBecause.map { ElectionInstallation.kept(reason: $0) } ?? .installed
      return .end(.installation(installation), mayBeThere: true)
    case .answered(.tooLate): return .end(.installation(.tooLate), mayBeThere: false)
    case .answered(.failed(let reason, let isUntouched)):
      return .end(
        .installation(.failed(reason: reason, isUntouched: isUntouched)), mayBeThere: !isUntouched)
    // It may have been there for a moment, and a pod with it.
    case .silent:
      return .end(
        .installation(
          .failed(
            reason: "the guard did not answer before the lease's end", isUntouched: false)),
        mayBeThere: true)
    // Its pod may run already: this is no failure after which the lease may go at once.
    case .lost: return .end(.installation(.lost), mayBeThere: false)
    }
  }
}
