/// What is to be there while this process leads, and at no other time: a file in a kubelet's directory
/// (``ManifestDestination``), the work of a server (``Leadership``), an address, a route.
///
/// ``ElectionService`` calls ``install(term:before:)`` and ``remove()`` one after the other and waits
/// for each, and it renews no lease meanwhile: both are to return soon, with success or without.
/// What takes its time to end once it was told to is waited for in ``awaitEnd()``, beside the renewals.
public protocol ElectionDestination: Sendable {
  /// Whether ``awaitEnd()`` can tell. Where it cannot, ``Timing/podTime`` is waited for.
  var tellsOfEnd: Bool { get }

  /// Puts it there, or makes it what it should be by now; called again at each ``Timing/sleep``.
  /// - Parameters:
  ///   - term: larger for each new leader: a number to tell others, who then refuse a smaller one.
  ///   - end: after this instant it must not happen. A renewal moves the end on (``extend(to:)``).
  func install(term: UInt64, before end: ContinuousClock.Instant) async -> ElectionInstallation

  /// Makes it absent, also when it is already, and also when somebody else put it there; called
  /// before anything else is done, at each ``Timing/sleep``, and in a cancelled task.
  /// - Throws: when it may still be there; then it is tried again.
  func remove() async throws

  /// Says until when what is installed may stay by now. Nobody waits for it.
  func extend(to end: ContinuousClock.Instant) async

  /// Waits until what was removed last does nothing any more, if ``tellsOfEnd``.
  /// - Returns: whether that is so; `false` when it takes longer than it should.
  func awaitEnd() async -> Bool

  /// What is known of the work that came of it: whether it runs, and how often it was started anew.
  /// - Returns: `nil` when that cannot be told; then it is taken to be well.
  func observe() async -> PodObservation?

  /// Says when something has changed without our doing, until it is cancelled.
  func watch(_ hasChanged: @escaping @Sendable () -> Void) async
}

extension ElectionDestination {
  public func extend(to end: ContinuousClock.Instant) async {}
  public func observe() async -> PodObservation? { nil }
  public func watch(_ hasChanged: @escaping @Sendable () -> Void) async {}
}

/// What an installation came to.
public enum ElectionInstallation: Equatable, Sendable {
  case installed
  /// It cannot be renewed any more, but what is there stays.
  case kept(reason: String)
  /// It was not allowed any more: all is as it was.
  case tooLate
  /// The lease is given away, for others to try.
  /// - `isUntouched`: all is for sure as it was.
  case failed(reason: String, isUntouched: Bool)
  /// Nothing can be installed any more, and nobody knows what is there: the election is left.
  case lost
}
