import JSONText

extension KeysResponse {
  /// The body of an answer, parsed in one pass: a directory may have thousands of keys.
  struct Event: Equatable, Sendable {
    var action: String
    var node: Node
    var prevNode: Node?

    /// - Throws: when the bytes are not JSON, or not an event.
    init(parsing bytes: [UInt8]) throws(JSONError) {
      var reader = JSONReader(bytes)
      var (action, node, prevNode) = (String?.none, Node?.none, Node?.none)
      try reader.openObject()
      while let name = try reader.nextMember() {
        switch name {
        case "action": action = try reader.string()
        case "node": node = try Node(from: &reader)
        case "prevNode":
          if try reader.kind() == .null {
            try reader.null()
          } else {
            prevNode = try Node(from: &reader)
          }
        default: try reader.skip()
        }
      }
      try reader.end()
      guard let action, let node else {
        throw reader.wrong("action or node is missing")
      }
      (self.action, self.node, self.prevNode) = (action, node, prevNode)
    }
  }
}

extension Node {
  /// etcd omits what is zero, empty or false.
  fileprivate init(from reader: inout JSONReader) throws(JSONError) {
    self.init(key: "")
    try reader.openObject()
    while let name = try reader.nextMember() {
      if try reader.kind() == .null {
        try reader.null()
        continue
      }
      switch name {
      case "key": self.key = try reader.string()
      case "value": self.value = try reader.string()
      case "dir": self.dir = try reader.boolean()
      case "createdIndex": self.createdIndex = try reader.unsigned()
      case "modifiedIndex": self.modifiedIndex = try reader.unsigned()
      case "ttl": self.ttl = try reader.integer()
      case "expiration": self.expiration = try reader.string()
      case "nodes":
        try reader.openArray()
        while try reader.nextElement() { self.nodes.append(try Node(from: &reader)) }
      default: try reader.skip()
      }
    }
  }
}
