/// An elector's copy of a manifest in a kubelet's directory, and its pods, as a value.
package struct ManifestCopy: Sendable {
  /// The destination's content, if we installed it.
  package private(set) var bytes: [UInt8]?
  /// Its source.
  package private(set) var source: [UInt8]?
  /// The pod of the destination's last content, ours or another process's.
  package private(set) var pod: ElectedPod?
  private var pods = InstalledPods()
  /// Whether a removal has succeeded at least once.
  private var wasRemoved = false
  /// Whether a removal has found a file that we had not installed.
  private var foundOther = false
  /// The time within which a kubelet reads a later deadline; `nil` when the kubelet does not end the pod by
  /// itself.
  private let deadlineDetection: Duration?
  /// The deadlines since the last removal.
  private var life: Life?

  private struct Life: Sendable {
    var value: ManifestLife
    var begin: BootInstant
  }

  /// - Parameter deadlineDetection: the time within which a kubelet reads a later deadline, if it ends the
  ///   pod by itself (``Timing/manifestExpires``).
  package init(deadlineDetection: Duration? = nil) {
    self.deadlineDetection = deadlineDetection
  }

  // MARK: Removal

  /// A removal is about to happen.
  /// - Parameter leftOver: the pod of the present content. If an earlier process installed it, the election
  ///   waits for the end of that pod.
  package mutating func willBeRemoved(leftOver: ElectedPod?) {
    let isOurs = self.bytes != nil
    (self.bytes, self.source, self.life) = (nil, nil, nil)
    guard !isOurs, let leftOver else { return }
    self.pod = leftOver
    self.pods.installed()
  }

  /// - Parameter wasThere: whether there was something.
  package mutating func removed(wasThere: Bool) {
    self.wasRemoved = true
    if wasThere, self.pods.count == 1 { self.foundOther = true }
  }

  /// Whether nothing was there so far, of ours or of another process.
  package var hasNeverBeen: Bool { self.wasRemoved && !self.foundOther && self.pods.count == 1 }

  // MARK: Installation

  /// The pod's deadline in a copy.
  package enum Deadline: Equatable, Sendable {
    /// The kubelet does not end the pod by itself.
    case none
    case expiry(ManifestExpiry)
    /// The pod may have ended, and does not start again with the same uid.
    case tooLate

    var expiry: ManifestExpiry? { if case .expiry(let expiry) = self { expiry } else { nil } }
  }

  /// The deadline of the next copy.
  /// - Parameters:
  ///   - end: until when the copy may stay, as far as is known now.
  ///   - now: the earliest time of its installation.
  ///   - newUID: for the first copy after a removal.
  package mutating func deadline(
    until end: BootInstant, at now: BootInstant, newUID: () -> String
  ) -> Deadline {
    guard let deadlineDetection else { return .none }
    // One that was never written would have been begun too early.
    let life =
      self.life.flatMap { $0.value.wasWritten ? $0 : nil }
      ?? Life(
        value: ManifestLife(uid: newUID(), detection: deadlineDetection),
        begin: now + ManifestLife.writeTime)
    self.life = life
    return life.value.expiry(until: end - life.begin, at: now - life.begin).map { .expiry($0) }
      ?? .tooLate
  }

  /// When the first copy after a removal must be in its place, for its deadline to hold; `nil` for any other copy.
  package var firstWriteEnd: BootInstant? {
    self.life.flatMap { $0.value.wasWritten ? nil : $0.begin }
  }

  /// The destination holds these bytes, or may hold them.
  /// - Parameters:
  ///   - isAnew: whether something else was there before, or nothing: the kubelet may have ended the pod, and starts
  ///     another one.
  ///   - pod: parses a source; called for another source than before.
  package mutating func installed(
    _ bytes: [UInt8], madeOf source: [UInt8], _ deadline: Deadline, at now: BootInstant,
    isAnew: Bool = false, pod: ([UInt8]) -> ElectedPod?
  ) {
    self.bytes = bytes
    if let expiry = deadline.expiry, let begin = self.life?.begin {
      self.life?.value.wrote(expiry, at: now - begin)
    }
    guard self.source != source || isAnew else { return }
    if self.source != source {
      self.source = source
      self.pod = pod(source)
    }
    self.pods.installed()
  }

  // MARK: The end of the pods

  /// The pods of all installations up to some instant.
  package struct Pods: Equatable, Sendable {
    fileprivate let count: Int
    /// Whether no pod of an earlier copy can be listed: see ``PodEndWatch``.
    package let isOnlyOne: Bool
  }

  /// The pods of all installations so far; another copy may follow.
  package var podsSoFar: Pods {
    Pods(count: self.pods.count, isOnlyOne: self.pods.hasOnlyOne)
  }

  /// The pods of an earlier process. The elector waits for their end once, after the first removal.
  package enum Past: Equatable, Sendable {
    /// No removal has succeeded yet.
    case notYet
    case pods(Pods)
    /// We have installed a copy since; the election waits for the end of its pod.
    case superseded
  }

  package var past: Past {
    if !self.wasRemoved { return .notYet }
    return self.bytes == nil ? .pods(Pods(count: self.pods.count, isOnlyOne: false)) : .superseded
  }

  /// These pods have ended.
  package mutating func ended(_ pods: Pods) { self.pods.ended(upTo: pods.count) }
}
