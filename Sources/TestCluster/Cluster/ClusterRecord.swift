import FoundationEssentials

/// What `cluster.json` says: enough to find every process again after the one that started them has
/// died without a word.
public struct ClusterRecord: Equatable, Codable, Sendable {
  /// A node and where its kubelet answers.
  public struct Node: Equatable, Codable, Sendable {
    public var name: String
    public var kubelet: String
    public var directory: String
  }

  /// A process that was started and has not been seen to end.
  public struct Process: Equatable, Codable, Sendable {
    public var name: String
    public var identity: ProcessIdentity
  }

  /// The process that started the cluster; `nil` after an orderly end.
  public var supervisor: ProcessIdentity?
  public var store: [String] = []
  public var nodes: [Node] = []
  public var processes: [Process] = []

  /// The bytes of the file: sorted keys, so that a person can compare two of them.
  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  public init(supervisor: ProcessIdentity? = nil) {
    self.supervisor = supervisor
  }

  /// Reads what ``encoded()`` has written.
  public init(decoding data: Data) throws {
    self = try JSONDecoder().decode(ClusterRecord.self, from: data)
  }
}
