/// The result of ``ElectionDestination/install(term:before:)``.
public enum ElectionInstallation: Equatable, Sendable {
  case installed
  /// It cannot be updated, but the installed version stays.
  case kept(reason: String)
  /// The time was over: nothing has changed.
  case tooLate
  /// The election releases the lease, for other processes to try.
  /// - `isUntouched`: surely nothing has changed.
  case failed(reason: String, isUntouched: Bool)
  /// Nothing can be installed any more, and the present state is unknown: the process leaves the election.
  case lost
}
