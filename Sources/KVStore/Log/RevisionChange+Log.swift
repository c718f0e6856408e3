import NIOCore

/// A change of the v3 keyspace in the bytes of the log: its kind, then its fields. Revisions and versions are varints;
/// the ids of leases, which may be negative, and times have eight bytes.
extension ByteBuffer {
  /// The change's number on disk. It never changes.
  private enum Kind {
    static let put: UInt8 = 1
    static let deletion: UInt8 = 2
    static let grant: UInt8 = 3
    static let end: UInt8 = 4
    static let compaction: UInt8 = 5
    static let putWithLease: UInt8 = 6
  }

  mutating func write(_ change: RevisionChange) {
    switch change {
    case .put(let pair, let revision):
      self.writeInteger(pair.lease == 0 ? Kind.put : Kind.putWithLease)
      self.write(revision)
      self.writeField(pair.key.bytes)
      self.writeVarint(Int(pair.createRevision))
      self.writeVarint(Int(pair.version))
      if pair.lease != 0 { self.writeInteger(pair.lease, endianness: .little) }
      self.writeField(pair.value)
    case .deletion(let key, let revision):
      self.writeInteger(Kind.deletion)
      self.write(revision)
      self.writeField(key.bytes)
    case .grant(let id, let ttl, let deadline):
      self.writeInteger(Kind.grant)
      for number in [id, ttl, deadline.nanoseconds] {
        self.writeInteger(number, endianness: .little)
      }
    case .end(let id):
      self.writeInteger(Kind.end)
      self.writeInteger(id, endianness: .little)
    case .compaction(let revision):
      self.writeInteger(Kind.compaction)
      self.writeVarint(Int(revision))
    case .renewal, .removal: preconditionFailure("it is not in the log: \(change)")
    }
  }

  /// - Returns: `nil` where none is.
  mutating func readRevisionChange() -> RevisionChange? {
    guard let kind: UInt8 = self.readInteger() else { return nil }
    switch kind {
    case Kind.put, Kind.putWithLease: return self.readPut(hasLease: kind == Kind.putWithLease)
    case Kind.deletion:
      guard let revision = self.readRevision(), let key = self.readField() else { return nil }
      return .deletion(RevisionKey(key), revision)
    case Kind.grant:
      guard let id: Int64 = self.readInteger(endianness: .little),
        let ttl: Int64 = self.readInteger(endianness: .little),
        let deadline: Int64 = self.readInteger(endianness: .little)
      else { return nil }
      return .grant(id: id, ttl: ttl, deadline: StoreTime(nanoseconds: deadline))
    case Kind.end: return (self.readInteger(endianness: .little) as Int64?).map { .end($0) }
    case Kind.compaction: return self.readVarint().map { .compaction(Int64($0)) }
    default: return nil
    }
  }

  private mutating func readPut(hasLease: Bool) -> RevisionChange? {
    guard let revision = self.readRevision(), let key = self.readField(),
      let create = self.readVarint(), let version = self.readVarint(),
      let lease: Int64 = hasLease ? self.readInteger(endianness: .little) : 0,
      let value = self.readField()
    else { return nil }
    let pair = KeyValue(
      key: RevisionKey(key), value: value, createRevision: Int64(create),
      modRevision: revision.main, version: Int64(version), lease: lease)
    return .put(pair, revision)
  }

  private mutating func write(_ revision: Revision) {
    self.writeVarint(Int(revision.main))
    self.writeVarint(Int(revision.sub))
  }

  private mutating func readRevision() -> Revision? {
    guard let main = self.readVarint(), let sub = self.readVarint() else { return nil }
    return Revision(main: Int64(main), sub: Int64(sub))
  }
}
