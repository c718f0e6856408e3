/// What an elector knows of its copy of a manifest in a kubelet's directory, and of the pods that may have come
/// of it, as a value.
package struct ManifestCopy: Sendable {
  /// What the destination holds by our own doing.
  package private(set) var bytes: [UInt8]?
  /// What that was made of.
  package private(set) var source: [UInt8]?
  /// The pod that was in the destination last, whoever put it there.
  package private(set) var pod: ElectedPod?
  private var pods = InstalledPods()
  /// Whether the destination was found absent, or made so, at least once.
  private var wasRemoved = false
  /// What a kubelet takes to read of a later deadline; `nil` for a pod that the kubelet does not end by
  /// itself.
  private let deadlineDetection: Duration?
  /// Since when the copy is there, or is about to be, without having been removed meanwhile.
  private var life: Life?

  private struct Life: Sendable {
    var value: ManifestLife
    var begin: BootInstant
  }

  /// - Parameter deadlineDetection: what a kubelet takes to read of a later deadline, if it is to end the
  ///   pod by itself (``Timing/manifestExpires``).
  package init(deadlineDetection: Duration? = nil) {
    self.deadlineDetection = deadlineDetection
  }

  // MARK: Removal

  /// The destination is about to be made absent.
  /// - Parameter leftOver: the pod of what is there. It counts when it is not ours: an earlier run left it,
  ///   and its end is the one to wait for.
  package mutating func willBeRemoved(leftOver: ElectedPod?) {
    let isOurs = self.bytes != nil
    (self.bytes, self.source, self.life) = (nil, nil, nil)
    guard !isOurs, let leftOver else { return }
    self.pod = leftOver
    self.pods.installed()
  }

  package mutating func removed() { self.wasRemoved = true }

  // MARK: Installation

  /// What the copy says of its pod's end.
  package enum Deadline: Equatable, Sendable {
    /// The kubelet does not end the pod by itself.
    case none
    case expiry(ManifestExpiry)
    /// The pod may have ended already; it does not start again with the same uid.
    case tooLate

    var expiry: ManifestExpiry? { if case .expiry(let expiry) = self { expiry } else { nil } }
  }

  /// What the next copy is to say of its pod's end.
  /// - Parameters:
  ///   - end: until when the copy may stay, as far as is known now.
  ///   - now: when it will be there at the earliest.
  ///   - newUID: for the first copy after a removal.
  package mutating func deadline(
    until end: BootInstant, at now: BootInstant, newUID: () -> String
  ) -> Deadline {
    guard let deadlineDetection else { return .none }
    let life =
      self.life
      ?? Life(value: ManifestLife(uid: newUID(), detection: deadlineDetection), begin: now)
    self.life = life
    return life.value.expiry(until: end - life.begin, at: now - life.begin).map { .expiry($0) }
      ?? .tooLate
  }

  /// The destination holds these bytes, or may do so.
  /// - Parameter pod: of such a source, asked for when it is another one than before.
  package mutating func installed(
    _ bytes: [UInt8], madeOf source: [UInt8], _ deadline: Deadline, at now: BootInstant,
    pod: ([UInt8]) -> ElectedPod?
  ) {
    self.bytes = bytes
    if let expiry = deadline.expiry, let begin = self.life?.begin {
      self.life?.value.wrote(expiry, at: now - begin)
    }
    guard self.source != source else { return }
    self.source = source
    self.pod = pod(source)
    self.pods.installed()
  }

  // MARK: The end of the pods

  /// Which pods a wait for their end concerns: those of everything that was installed so far.
  package struct Pods: Equatable, Sendable {
    fileprivate let count: Int
    /// Whether no pod of an earlier copy can be listed: see ``PodEndWatch``.
    package let isOnlyOne: Bool
  }

  /// The pods of everything that was installed so far; another copy may follow during the wait.
  package var podsSoFar: Pods {
    Pods(count: self.pods.count, isOnlyOne: self.pods.hasOnlyOne)
  }

  /// The pods of what an earlier process installed. Their end is waited for once, from the first removal on.
  package enum Past: Equatable, Sendable {
    /// The destination was not found absent yet.
    case notYet
    case pods(Pods)
    /// We were quicker to install something: the election waits for the end of that.
    case superseded
  }

  package var past: Past {
    if !self.wasRemoved { return .notYet }
    return self.bytes == nil ? .pods(Pods(count: self.pods.count, isOnlyOne: false)) : .superseded
  }

  /// Nothing runs any more of these.
  package mutating func ended(_ pods: Pods) { self.pods.ended(upTo: pods.count) }
}
