import FoundationEssentials

/// The last term under which a manifest may have been installed, and whether its pod has ended: what
/// the side key holds.
public struct TermRecord: Equatable, Sendable {
  public var term: UInt64
  /// The receipt: the manifest is gone, and its pod has ended.
  public var isEnded: Bool
  public var candidate: Candidate
  /// How long after the end of that term's lease its pod may run.
  public var podOutlivesLease: Duration

  public init(term: UInt64, isEnded: Bool, candidate: Candidate, podOutlivesLease: Duration) {
    self.term = term
    self.isEnded = isEnded
    self.candidate = candidate
    self.podOutlivesLease = podOutlivesLease
  }

  /// The name of the side key of a lock key: beside it, and hidden, as v2 hides names
  /// that begin with an underscore.
  public static func key(for key: String) -> String { self.sideKey(of: key, "term") }

  static func sideKey(of key: String, _ suffix: String) -> String {
    var components = key.split(separator: "/").map(String.init)
    components.append("_\(components.popLast() ?? "").\(suffix)")
    return components.joined(separator: "/")
  }

  /// The JSON in the side key.
  private struct Wire: Codable {
    var term: UInt64
    var ended: Bool
    var holder: String
    var bootID: String
    var destination: String
    var outlivesMilliseconds: UInt64

    enum CodingKeys: String, CodingKey {
      case term, ended, holder, destination
      case bootID = "boot_id"
      case outlivesMilliseconds = "outlives_ms"
    }
  }

  /// - Returns: `nil` when it is no record.
  public init?(json: String) {
    guard let wire = try? JSONDecoder().decode(Wire.self, from: Data(json.utf8)) else { return nil }
    self.init(
      term: wire.term, isEnded: wire.ended,
      candidate: Candidate(
        name: wire.holder, bootID: wire.bootID, destination: wire.destination),
      podOutlivesLease: .milliseconds(wire.outlivesMilliseconds))
  }

  public var json: String {
    let milliseconds = self.podOutlivesLease / .milliseconds(1)
    let wire = Wire(
      term: self.term, ended: self.isEnded, holder: self.candidate.name,
      bootID: self.candidate.bootID, destination: self.candidate.destination,
      outlivesMilliseconds: UInt64(min(max(0, milliseconds.rounded(.up)), 1e15)))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Numbers, a truth value and strings: there is nothing in it that JSON could not hold.
    guard let data = try? encoder.encode(wire) else { return "" }
    return String(decoding: data, as: UTF8.self)
  }
}
