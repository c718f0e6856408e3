import FoundationEssentials

/// `cluster.json`: enough to find every process again after the process that started them was killed.
package struct ClusterRecord: Equatable, Codable, Sendable {
  /// A node and the URL of its kubelet.
  package struct Node: Equatable, Codable, Sendable {
    package var name: String
    package var kubelet: String
    package var directory: String
  }

  /// A process that has started and not ended.
  package struct Process: Equatable, Codable, Sendable {
    package var name: String
    package var identity: ProcessIdentity
  }

  /// The process that started the cluster; `nil` after an orderly end.
  package var supervisor: ProcessIdentity?
  package var store: [String] = []
  package var nodes: [Node] = []
  package var processes: [Process] = []

  /// The file's bytes. The keys are sorted, so that two files can be compared.
  package func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  package init(supervisor: ProcessIdentity? = nil) {
    self.supervisor = supervisor
  }

  /// Decodes the result of ``encoded()``.
  package init(decoding data: Data) throws {
    self = try JSONDecoder().decode(ClusterRecord.self, from: data)
  }
}
