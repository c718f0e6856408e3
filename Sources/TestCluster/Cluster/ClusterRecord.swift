import FoundationEssentials

/// What `cluster.json` says: enough to find every process again after the one that started them has
/// died without a word.
package struct ClusterRecord: Equatable, Codable, Sendable {
  /// A node and where its kubelet answers.
  package struct Node: Equatable, Codable, Sendable {
    package var name: String
    package var kubelet: String
    package var directory: String
  }

  /// A process that was started and has not been seen to end.
  package struct Process: Equatable, Codable, Sendable {
    package var name: String
    package var identity: ProcessIdentity
  }

  /// The process that started the cluster; `nil` after an orderly end.
  package var supervisor: ProcessIdentity?
  package var store: [String] = []
  package var nodes: [Node] = []
  package var processes: [Process] = []

  /// The bytes of the file: sorted keys, so that a person can compare two of them.
  package func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  package init(supervisor: ProcessIdentity? = nil) {
    self.supervisor = supervisor
  }

  /// Reads what ``encoded()`` has written.
  package init(decoding data: Data) throws {
    self = try JSONDecoder().decode(ClusterRecord.self, from: data)
  }
}
