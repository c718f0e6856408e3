/// Which node had which manifest and pod, and whether one was ever on two nodes.
///
/// A look takes time: its question and its answer have two instants, and the answer was true at some instant between
/// them. What two looks in a row found on a node was there *for sure* from the first answer to the second question.
/// Only such spans are compared, so that a reported overlap has happened. One shorter than two looks can go unseen.
public struct PresenceLog: Equatable, Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// What may be on one node only.
  public enum Subject: Hashable, Sendable, CustomStringConvertible {
    /// The manifest in the directory of a living kubelet.
    case manifest(Role)
    /// The pod, as the kubelet's runtime knows it.
    case pod(Role)

    public var description: String {
      switch self {
      case .manifest(let role): "the manifest \(role.manifestName)"
      case .pod(let role): "the pod \(role.podName)"
      }
    }
  }

  /// One stay on one node.
  package struct Stay: Equatable, Sendable {
    package var subject: Subject
    package var node: String
    /// When it was first known to be there: the answer's instant.
    package var from: Instant
    /// The last instant at which it was there for sure: that of the last question.
    package var to: Instant
    /// When a look had found it gone; `nil` while it is there.
    package var goneBy: Instant?
  }

  /// Two stays that share a span.
  public struct Overlap: Equatable, Sendable, CustomStringConvertible {
    /// What was on both nodes.
    public var subject: Subject
    public var nodes: [String]
    /// When it was first known to be on both.
    package var from: Instant
    public var duration: Duration

    public var description: String {
      "\(self.subject) was on \(self.nodes.joined(separator: " and ")) at once for at least "
        + "\(self.duration.inSeconds(decimals: 3)) s"
    }
  }

  /// In the order of their begins.
  package private(set) var stays: [Stay] = []
  private static let maximumOverlaps = 1000
  /// Those of stays that are forgotten.
  private var pastOverlaps: [Overlap] = []
  /// How many looks were taken.
  package private(set) var looks = 0

  /// Records one look.
  /// - Parameter isPresent: `nil` on a time-out, which proves nothing: a stay that goes on afterwards counts as
  ///   unbroken.
  package mutating func record(
    _ subject: Subject, on node: String, isPresent: Bool?, asked: Instant, answered: Instant
  ) {
    self.looks += 1
    let open = self.stays.lastIndex { $0.subject == subject && $0.node == node && $0.goneBy == nil }
    switch (isPresent, open) {
    case (true, let index?): self.stays[index].to = max(self.stays[index].to, asked)
    case (true, nil):
      self.stays.append(
        Stay(subject: subject, node: node, from: answered, to: answered))
    case (false, let index?): self.stays[index].goneBy = answered
    case (false, nil), (nil, _): break
    }
  }

  /// All pairs of stays on two nodes that share a span.
  package var overlaps: [Overlap] {
    self.pastOverlaps + Self.overlaps(of: self.stays)
  }

  private static func overlaps(of stays: [Stay]) -> [Overlap] {
    stays.enumerated().flatMap { index, first in
      stays[(index + 1)...].compactMap { Self.overlap(first, $0) }
    }
  }

  private static func overlap(_ first: Stay, _ second: Stay) -> Overlap? {
    guard second.subject == first.subject, second.node != first.node else { return nil }
    let start = max(first.from, second.from)
    let end = min(first.to, second.to)
    guard start < end else { return nil }
    return Overlap(
      subject: first.subject, nodes: [first.node, second.node], from: start, duration: end - start)
  }

  /// Forgets the stays that were over before the instant, but not that they overlapped others.
  package mutating func forget(before instant: Instant) {
    let kept = self.stays.filter { $0.goneBy.map { $0 >= instant } ?? true }
    guard kept.count < self.stays.count else { return }
    let later = Self.overlaps(of: kept)
    self.pastOverlaps = Array(
      self.overlaps.filter { !later.contains($0) }.prefix(Self.maximumOverlaps))
    self.stays = kept
  }

  /// The first stay on the node that began after the instant.
  package func arrival(of subject: Subject, on node: String, after instant: Instant) -> Stay? {
    self.stays.first { $0.subject == subject && $0.node == node && $0.from > instant }
  }

  /// The latest stay on the node.
  package func latest(of subject: Subject, on node: String) -> Stay? {
    self.stays.last { $0.subject == subject && $0.node == node }
  }
}
