/// The steps of one installation or removal of a manifest, by the elector and its guard, as a value.
///
/// The elector removes the manifest first, so that a stopped guard cannot delay it. Then it asks the guard,
/// which removes it again after all earlier requests. Only the guard installs.
package struct ManifestChange: Equatable, Sendable {
  package enum Step: Equatable, Sendable {
    /// Remove the destination; then ``removedFile(failure:)``.
    case removeFile
    /// Try whether the disk would take a removal; then ``triedDisk(failure:)``.
    case tryDisk
    /// Make the content of the destination; then ``made(_:keptBecause:)``.
    case makeContent
    /// Install that content without a guard; then ``answered(_:)``.
    case placeContent
    /// Ask the guard; then ``answered(_:)``.
    case askGuard
    /// The change is complete.
    /// - `mayBeThere`: the destination may hold the content, so that a pod may start from it.
    case end(Result, mayBeThere: Bool)
  }

  package enum Result: Equatable, Sendable {
    /// - `failure`: why the destination may still exist.
    case removal(failure: String?)
    case installation(ElectionInstallation)
  }

  private let isRemoval: Bool
  private let isGuarded: Bool
  /// Whether our manifest is in place, so that this installation only brings it up to date.
  private let isThere: Bool
  /// Why our own removal failed.
  private var failure: String?
  private var keptBecause: String?

  package static func removal(isGuarded: Bool) -> Self {
    Self(isRemoval: true, isGuarded: isGuarded, isThere: false)
  }

  /// - Parameter isThere: whether our manifest is in place.
  package static func installation(isGuarded: Bool, isThere: Bool = false) -> Self {
    Self(isRemoval: false, isGuarded: isGuarded, isThere: isThere)
  }

  package var first: Step {
    if self.isRemoval { return .removeFile }
    return self.isThere ? .tryDisk : .makeContent
  }

  /// A leader whose disk takes no writes has to keep its lease, since it could not remove the manifest. The
  /// guard is not asked: a disk that hangs would hold it, too.
  package func triedDisk(failure: String?) -> Step {
    guard let failure else { return .makeContent }
    return .end(.installation(.fixed(reason: failure)), mayBeThere: false)
  }

  /// The source cannot be read in time.
  package func sourceHangs(_ reason: String) -> Step {
    .end(
      .installation(
        self.isThere ? .kept(reason: reason) : .failed(reason: reason, isUntouched: true)),
      mayBeThere: false)
  }

  package mutating func removedFile(failure: String?) -> Step {
    self.failure = failure
    return self.isGuarded ? .askGuard : .end(.removal(failure: failure), mayBeThere: false)
  }

  /// - Parameter reason: why the content has an earlier source.
  package mutating func made(_ result: GuardAnswer.Result, keptBecause reason: String? = nil)
    -> Step
  {
    guard result == .done else { return self.installed(.answered(result)) }
    self.keptBecause = reason
    return self.isGuarded ? .askGuard : .placeContent
  }

  package func answered(_ answer: GuardRequests.Conclusion) -> Step {
    self.isRemoval ? self.removed(answer) : self.installed(answer)
  }

  private func removed(_ answer: GuardRequests.Conclusion) -> Step {
    let failure: String? =
      switch answer {
      case .answered(.failed(let reason, _)): reason
      case .answered(.done), .answered(.tooLate): nil
      // A dead guard cannot install anything.
      case .lost, .silent: self.failure
      }
    return .end(.removal(failure: failure), mayBeThere: false)
  }

  private func installed(_ answer: GuardRequests.Conclusion) -> Step {
    let (installation, mayBeThere): (ElectionInstallation, Bool) =
      switch answer {
      case .answered(.done): (self.keptBecause.map { .kept(reason: $0) } ?? .installed, true)
      case .answered(.tooLate): (.tooLate, false)
      case .answered(.failed(let reason, let isUntouched)):
        (.failed(reason: reason, isUntouched: isUntouched), !isUntouched)
      // It may have been installed for a moment, and a pod started.
      case .silent:
        (
          .failed(reason: "the guard did not answer before the lease's end", isUntouched: false),
          true
        )
      // Its pod may run, so the lease must not be released at once.
      case .lost: (.lost, false)
      }
    return .end(.installation(installation), mayBeThere: mayBeThere)
  }
}
