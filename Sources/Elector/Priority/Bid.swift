import FoundationEssentials

/// A follower's request to a master with a smaller priority to hand over. It is the value of a second side
/// key, and valid while the follower rewrites it.
package struct Bid: Equatable, Sendable {
  package var candidate: Candidate
  package var priority: Int
  /// The pause between two writes; a bid is void after three periods without one.
  package var period: Duration

  package init(candidate: Candidate, priority: Int, period: Duration) {
    self.candidate = candidate
    self.priority = priority
    self.period = period
  }

  /// The side key of a lock key.
  package static func key(for key: String) -> String { TermRecord.sideKey(of: key, "bid") }

  /// How long it is valid after a write.
  var validity: Duration { self.period * 3 }

  private struct Wire: Codable {
    var holder: String
    var bootID: String
    var destination: String
    var priority: Int
    var periodMilliseconds: UInt32

    enum CodingKeys: String, CodingKey {
      case holder, destination, priority
      case bootID = "boot_id"
      case periodMilliseconds = "period_ms"
    }
  }

  /// - Returns: `nil` when the text is not a bid.
  init?(json: String) {
    guard let wire = try? JSONDecoder().decode(Wire.self, from: Data(json.utf8)) else { return nil }
    self.init(
      candidate: Candidate(
        name: wire.holder, bootID: wire.bootID, destination: wire.destination),
      priority: wire.priority, period: .milliseconds(wire.periodMilliseconds))
  }

  var json: String {
    let milliseconds = (self.period / .milliseconds(1)).rounded(.up)
    let wire = Wire(
      holder: self.candidate.name, bootID: self.candidate.bootID,
      destination: self.candidate.destination, priority: self.priority,
      periodMilliseconds: UInt32(min(max(1, milliseconds), 1e9)))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Only numbers and strings, which JSON can always hold.
    return (try? encoder.encode(wire)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}
