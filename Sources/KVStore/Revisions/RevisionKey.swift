import Glibc

/// A key of the v3 keyspace: any bytes, in the order of their bytes.
package struct RevisionKey: Hashable, Comparable, Sendable {
  package let bytes: [UInt8]

  package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  package static func < (a: RevisionKey, b: RevisionKey) -> Bool {
    let order = memcmp(a.bytes, b.bytes, min(a.bytes.count, b.bytes.count))
    return order != 0 ? order < 0 : a.bytes.count < b.bytes.count
  }
}

/// The keys that a request is about.
///
/// Source: the comments on `RangeRequest` in etcd's rpc.proto.
package struct KeyRange: Equatable, Sendable {
  let start: RevisionKey
  /// `nil` for `start` alone.
  let end: End?

  enum End: Equatable, Sendable {
    /// Less than this key.
    case before(RevisionKey)
    /// All keys from the start on.
    case none
  }

  /// - Parameter end: a request's `range_end`: empty for a single key, a zero byte for all keys from the first one on.
  package init(_ key: RevisionKey, end: RevisionKey) {
    self.start = key
    self.end = end.bytes.isEmpty ? nil : end.bytes == [0] ? End.none : .before(end)
  }

  /// Whether its end is not behind its start.
  var isEmpty: Bool {
    if case .before(let end) = self.end { end <= self.start } else { false }
  }

  func contains(_ key: RevisionKey) -> Bool {
    switch self.end {
    case nil: key == self.start
    case .before(let end): key >= self.start && key < end
    case .some(.none): key >= self.start
    }
  }
}

/// One change of one key: the revision of its transaction, and its place in it.
package struct Revision: Hashable, Comparable, Sendable {
  package let main: Int64
  let sub: Int64

  package static func < (a: Revision, b: Revision) -> Bool {
    (a.main, a.sub) < (b.main, b.sub)
  }

  /// No change has it.
  static let none = Revision(main: 0, sub: 0)
}

/// What a change made of a key: its value, as of one of its revisions, or its deletion.
///
/// An object, since trees that share their parts hold it many times: to copy a node of them counts one reference for it.
/// It knows its place among the changes, and where those of its key before it are, so that a ``RevisionHistory`` by
/// revision is all that the past needs.
///
/// Source: `KeyValue` in etcd's kv.proto.
package final class KeyValue: Sendable {
  package let key: RevisionKey
  package let value: [UInt8]
  /// The revision of its birth.
  package let createRevision: Int64
  /// The revision of its last put.
  package let modRevision: Int64
  /// The puts since its birth; the first one is 1; 0 for a deletion.
  package let version: Int64
  /// 0 for none.
  package let lease: Int64

  private let formerMain: Int64
  private let stationMain: Int64
  // In 32 bits, since there are many objects.
  private let ownSub: UInt32
  private let formerSub: UInt32
  private let stationSub: UInt32
  /// How many changes of the key come before this one, modulo 2³².
  private let formerCount: UInt32

  private static let stationDistance: UInt32 = 64

  /// Its number among the changes of its revision.
  var sub: Int64 { Int64(self.ownSub) }
  /// The change of the key before this one, if it can still be read.
  var former: Revision { Revision(main: self.formerMain, sub: Int64(self.formerSub)) }
  /// An earlier one, on a shorter way into the past: one of each ``stationDistance``.
  var station: Revision { Revision(main: self.stationMain, sub: Int64(self.stationSub)) }

  package convenience init(
    key: RevisionKey, value: [UInt8], createRevision: Int64, modRevision: Int64, version: Int64,
    lease: Int64
  ) {
    self.init(
      key: key, value: value, createRevision: createRevision, version: version, lease: lease,
      at: Revision(main: modRevision, sub: 0), after: nil)
  }

  /// - Parameters:
  ///   - revision: of the change that made it.
  ///   - former: what the key was before, or its deletion.
  init(
    key: RevisionKey, value: [UInt8], createRevision: Int64, version: Int64, lease: Int64,
    at revision: Revision, after former: KeyValue?
  ) {
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.modRevision = revision.main
    self.version = version
    self.lease = lease
    self.ownSub = UInt32(truncatingIfNeeded: revision.sub)
    let station: Revision = former.map { $0.isStation ? $0.revision : $0.station } ?? .none
    self.formerMain = former?.modRevision ?? 0
    self.formerSub = former?.ownSub ?? 0
    self.stationMain = station.main
    self.stationSub = UInt32(truncatingIfNeeded: station.sub)
    self.formerCount = former.map { $0.formerCount &+ 1 } ?? 0
  }

  /// The deletion of a key.
  convenience init(deletionOf key: RevisionKey, at revision: Revision, after former: KeyValue?) {
    self.init(
      key: key, value: [], createRevision: 0, version: 0, lease: 0, at: revision, after: former)
  }

  /// The same in another place. All changes of a key share its bytes.
  func placed(at revision: Revision, after former: KeyValue?) -> KeyValue {
    KeyValue(
      key: former?.key ?? self.key, value: self.value, createRevision: self.createRevision,
      version: self.version,
      lease: self.lease, at: revision, after: former)
  }

  var isDeletion: Bool { self.version == 0 }
  var revision: Revision { Revision(main: self.modRevision, sub: self.sub) }
  /// Whether later changes have it as their ``station``.
  var isStation: Bool { self.formerCount % Self.stationDistance == 0 }
  var link: RevisionHistory.Link {
    RevisionHistory.Link(
      revision: self.revision, former: self.former, isDeletion: self.isDeletion)
  }
}

extension KeyValue: OrderedElement {
  var orderKey: RevisionKey { self.key }
}

/// Its place is no part of what it is.
extension KeyValue: Equatable {
  package static func == (a: KeyValue, b: KeyValue) -> Bool {
    a.key == b.key && a.value == b.value && a.createRevision == b.createRevision
      && a.modRevision == b.modRevision && a.version == b.version && a.lease == b.lease
  }
}

extension KeyValue: CustomStringConvertible {
  package var description: String {
    let (key, value) = (String(decoding: self.key.bytes, as: UTF8.self), self.value)
    return "\(key) = \(value), created at \(self.createRevision), put at \(self.modRevision), "
      + "version \(self.version), lease \(self.lease)"
  }
}
