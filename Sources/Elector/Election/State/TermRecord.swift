import FoundationEssentials

/// A value that an elector keeps, as JSON, in a key beside the lock key.
public protocol SideRecord: Codable {
  /// The ending of the key's name.
  static var suffix: String { get }
}

extension SideRecord {
  /// The name of the side key of a lock key: beside it, and hidden, as v2 hides names that begin with an
  /// underscore.
  public static func key(for key: String) -> String {
    var components = key.split(separator: "/").map(String.init)
    components.append("_\(components.popLast() ?? "").\(Self.suffix)")
    return components.joined(separator: "/")
  }

  /// - Returns: `nil` when the text is no such record.
  public init?(json: String) {
    guard let value = try? JSONDecoder().decode(Self.self, from: Data(json.utf8)) else {
      return nil
    }
    self = value
  }

  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Numbers, truth values and strings: there is nothing in it that JSON could not hold.
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

/// The last term under which a manifest may have been installed, and whether its pod has ended: what
/// the side key holds.
public struct TermRecord: SideRecord, Equatable, Sendable {
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

  public static var suffix: String { "term" }

  private enum CodingKeys: String, CodingKey {
    case term, ended
    case outlivesMilliseconds = "outlives_ms"
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    self.term = try fields.decode(UInt64.self, forKey: .term)
    self.isEnded = try fields.decode(Bool.self, forKey: .ended)
    self.candidate = try Candidate(from: decoder)
    self.podOutlivesLease = .milliseconds(
      try fields.decode(UInt64.self, forKey: .outlivesMilliseconds))
  }

  public func encode(to encoder: any Encoder) throws {
    try self.candidate.encode(to: encoder)
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(self.term, forKey: .term)
    try fields.encode(self.isEnded, forKey: .ended)
    let milliseconds = (self.podOutlivesLease / .milliseconds(1)).rounded(.up)
    try fields.encode(UInt64(min(max(0, milliseconds), 1e15)), forKey: .outlivesMilliseconds)
  }
}

/// A process that takes part in an election, and where its manifest lies: two processes with the same
/// three values cannot have their manifests in two places.
public struct Candidate: Codable, Equatable, Sendable {
  /// What the lock key holds while this process is the leader, `--whoami`.
  public var name: String
  /// The kernel's, which is another one after each boot; empty when it is not known.
  public var bootID: String
  /// The manifest's place, `--dest-file`.
  public var destination: String

  private enum CodingKeys: String, CodingKey {
    case name = "holder"
    case bootID = "boot_id"
    case destination
  }

  public init(name: String, bootID: String = "", destination: String = "") {
    self.name = name
    self.bootID = bootID
    self.destination = destination
  }
}
