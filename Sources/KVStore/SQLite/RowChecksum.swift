import NIOCore

/// The checksum of a row, over all of its columns.
struct RowChecksum {
  private var buffer = ByteBuffer()

  mutating func of(_ path: StorePath, _ node: TreeNode) -> UInt64 {
    self.sum { row in
      row.bytes(path.bytes)
      row.bytes(node.isDirectory ? nil : node.value)
      for number in [node.createdIndex, node.modifiedIndex] {
        row.number(Int64(bitPattern: number))
      }
      row.number(node.deadline?.nanoseconds)
    }
  }

  mutating func of(_ event: Event) -> UInt64 {
    self.sum { row in
      row.bytes(Array(event.action.rawValue.utf8))
      row.number(event.isRefresh ? 1 : 0)
      row.bytes(event.node.path.bytes)
      for view in [event.node, event.prevNode] {
        row.number(view == nil ? nil : 1)
        guard let view else { continue }
        row.number(view.isDirectory ? 1 : 0)
        row.bytes(view.value)
        for index in [view.createdIndex, view.modifiedIndex] {
          row.number(Int64(bitPattern: index))
        }
        row.number(view.deadline?.nanoseconds)
        row.number(view.ttl)
      }
    }
  }

  /// - Parameter pair: `nil` for a deletion.
  mutating func of(_ revision: Revision, _ key: RevisionKey, _ pair: KeyValue?) -> UInt64 {
    self.sum { row in
      row.number(revision.main)
      row.number(revision.sub)
      row.bytes(key.bytes)
      row.bytes(pair?.value)
      for number in [pair?.createRevision, pair?.version, pair?.lease] { row.number(number) }
    }
  }

  mutating func of(_ lease: LeaseTable.Lease) -> UInt64 {
    self.sum { row in
      for number in [lease.id, lease.ttl, lease.deadline.nanoseconds] { row.number(number) }
    }
  }

  mutating func of(_ columns: [[UInt8]?]) -> UInt64 {
    self.sum { row in for column in columns { row.bytes(column) } }
  }

  private mutating func sum(_ write: (inout RowChecksum) -> Void) -> UInt64 {
    self.buffer.clear()
    write(&self)
    return self.buffer.readableBytesView.withUnsafeBytes { Checksum.of($0) }
  }

  /// The length first: two columns cannot look like two others.
  private mutating func bytes(_ bytes: [UInt8]?) {
    self.number(bytes.map { Int64($0.count) })
    if let bytes { self.buffer.writeBytes(bytes) }
  }

  private mutating func number(_ number: Int64?) {
    self.buffer.writeInteger(number == nil ? 0 : 1 as UInt8)
    if let number { self.buffer.writeInteger(number, endianness: .little) }
  }
}
