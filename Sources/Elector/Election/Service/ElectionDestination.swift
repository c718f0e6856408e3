/// What exists while this process leads, and only then: a file in a kubelet's directory, the work of a
/// server (``Leadership``), an address, a route.
///
/// ``ElectionService`` calls ``install(term:before:)`` and ``remove()`` one at a time, and renews no lease
/// during a call: both must return soon, with success or without. What needs time to end after a removal is
/// awaited by ``awaitEnd(isYoung:)``, beside the renewals.
public protocol ElectionDestination: Sendable {
  /// Whether ``awaitEnd(isYoung:)`` can know the end. Otherwise nothing shows it: a process that gives the lock away
  /// leaves its lease to expire, and the next leader waits as after a crash.
  var tellsOfEnd: Bool { get }

  /// Installs it, or brings it up to date; called again at each ``Timing/sleep``.
  /// - Parameters:
  ///   - term: larger for each new leader: a fencing token.
  ///   - end: it must not be installed after this instant. A renewal moves it (``extend(to:)``).
  func install(term: UInt64, before end: ContinuousClock.Instant) async -> ElectionInstallation

  /// Removes it, also if another process installed it; called before anything else, at each
  /// ``Timing/sleep`` while it must be absent, and in a cancelled task.
  /// - Throws: when it may still exist; then the election tries again.
  func remove() async throws

  /// After a renewal: how long it may stay now. The election does not wait for it.
  func extend(to end: ContinuousClock.Instant) async

  /// Waits until what was removed last has ended, if ``tellsOfEnd``.
  /// - Parameter isYoung: whether it had not run unchanged for long when it was removed.
  func awaitEnd(isYoung: Bool) async -> ElectionEnd

  /// Whether the installed work runs, and how often it has restarted.
  /// - Returns: `nil` when that is unknown; then the election assumes that all is well.
  func observe() async -> PodObservation?

  /// At the end of an election that has installed nothing, or has evidence that nothing of it goes on.
  func settle() async

  /// Calls back after each change that is not ours, until it is cancelled.
  func watch(_ hasChanged: @escaping @Sendable () -> Void) async
}

extension ElectionDestination {
  public func extend(to end: ContinuousClock.Instant) async {}
  public func observe() async -> PodObservation? { nil }
  public func settle() async {}
  public func watch(_ hasChanged: @escaping @Sendable () -> Void) async {}
}

/// The result of ``ElectionDestination/awaitEnd(isYoung:)``.
public enum ElectionEnd: Equatable, Sendable {
  /// There is evidence: others need not wait.
  case ended
  /// It still runs, and should have ended by now.
  case overdue
  /// Nothing shows whether it has ended. Silence is no proof.
  case unproven
}

/// The result of ``ElectionDestination/install(term:before:)``.
public enum ElectionInstallation: Equatable, Sendable {
  case installed
  /// It cannot be updated, but the installed version stays.
  case kept(reason: String)
  /// It is installed, but can be neither updated nor removed at present.
  case fixed(reason: String)
  /// The time was over: nothing has changed.
  case tooLate
  /// The election releases the lease, for other processes to try.
  /// - `isUntouched`: surely nothing has changed.
  case failed(reason: String, isUntouched: Bool)
  /// Nothing can be installed any more, and the present state is unknown: the process leaves the election.
  case lost
}
