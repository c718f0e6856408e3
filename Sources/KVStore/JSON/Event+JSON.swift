import NIOCore

extension Event {
  /// As etcd writes it, with a newline at the end.
  var json: ByteBuffer { self.json() }

  /// - Parameters:
  ///   - actionOnly: leaves out the nodes, for `noValueOnSuccess`.
  ///   - wall: converts the store's times to the wall clock; `nil` leaves them.
  func json(actionOnly: Bool = false, wall: WallSkew? = nil) -> ByteBuffer {
    var json = JSONWriter(capacity: 256 + (self.node.value?.count ?? 0), wall: wall)
    json.raw("{\"action\":\"")
    json.raw(self.action.rawValue)
    json.raw("\"")
    if !actionOnly {
      json.raw(",\"node\":")
      json.node(self.node)
      if let prevNode = self.prevNode {
        json.raw(",\"prevNode\":")
        json.node(prevNode)
      }
    }
    json.raw("}\n")
    return json.buffer
  }
}

extension StoreError {
  /// The body of the answer, with a newline at the end.
  var json: ByteBuffer {
    var json = JSONWriter()
    json.raw("{\"errorCode\":\(self.code.rawValue),\"message\":")
    json.string(self.code.message.utf8)
    if !self.cause.isEmpty {
      json.raw(",\"cause\":")
      json.string(self.cause)
    }
    json.raw(",\"index\":\(self.index)}\n")
    return json.buffer
  }
}

extension JSONWriter {
  /// Source: `NodeExtern` of etcd's v2store; Go leaves out members that are zero.
  fileprivate mutating func node(_ node: NodeView) {
    var isFirst = true
    func member(_ name: StaticString, in json: inout JSONWriter) {
      json.raw(isFirst ? "{\"" : ",\"")
      json.raw(name)
      json.raw("\":")
      isFirst = false
    }
    if !node.path.isRoot {
      member("key", in: &self)
      self.string(node.path.bytes)
    }
    if let value = node.value {
      member("value", in: &self)
      self.string(value)
    }
    if node.isDirectory {
      member("dir", in: &self)
      self.raw("true")
    }
    if let deadline = node.deadline {
      member("expiration", in: &self)
      self.raw("\"\(deadline.shifted(by: self.skew).rfc3339)\"")
    }
    if node.ttl != 0 {
      member("ttl", in: &self)
      self.raw(String(node.ttl))
    }
    if !node.children.isEmpty {
      member("nodes", in: &self)
      for (position, child) in node.children.enumerated() {
        self.raw(position == 0 ? "[" : ",")
        self.node(child)
      }
      self.raw("]")
    }
    if node.modifiedIndex != 0 {
      member("modifiedIndex", in: &self)
      self.raw(node.modifiedIndex)
    }
    if node.createdIndex != 0 {
      member("createdIndex", in: &self)
      self.raw(node.createdIndex)
    }
    self.raw(isFirst ? "{}" : "}")
  }
}
