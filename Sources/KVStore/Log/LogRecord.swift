import NIOCore

/// One batch of changes as it stands in the log.
///
/// In bytes, integers little-endian:
///
///     0   4  "kvs1"
///     4   4  the length of the payload
///     8   8  the batch's number; each is one more than the one before
///     16  8  the checksum of the batch before
///     24  …  the payload: kind, time, index of the first change, number of changes, changes; in kind 2 also the
///            number of v3's changes, and these
///     …   …  zeros up to a multiple of 8
///     …   8  the checksum of all before
///
/// A kind is what a payload holds: 1 for changes of the v2 keyspace alone, 2 for changes of both.
struct LogRecord: Equatable, Sendable {
  static let magic: UInt32 = 0x3173_766B
  static let headSize = 24
  private static let (changesOfV2, changesOfBoth): (UInt8, UInt8) = (1, 2)

  var number: UInt64
  /// The checksum of the record before.
  var previous: UInt64
  var checksum: UInt64
  var time: StoreTime
  var firstIndex: UInt64
  var changes: [LoggedChange]
  var revisionChanges: [RevisionChange] = []

  /// Without a change of v2 the one before the first.
  var lastIndex: UInt64 { self.firstIndex + UInt64(self.changes.count) - 1 }
  /// `nil` without a change of a v3 key.
  var firstRevision: Int64? { self.revisionChanges.lazy.compactMap(\.revision?.main).first }
  var lastRevision: Int64? {
    self.revisionChanges.reversed().lazy.compactMap(\.revision?.main).first
  }

  // MARK: Writing

  /// Writes a record.
  /// - Parameter index: of the last change of v2 before it.
  /// - Returns: its checksum.
  static func write(
    _ changes: [Change], _ revisionChanges: [RevisionChange] = [], number: UInt64,
    previous: UInt64, after index: UInt64, time: StoreTime, to buffer: inout ByteBuffer
  ) -> UInt64 {
    let start = buffer.writerIndex
    buffer.writeInteger(self.magic, endianness: .little)
    buffer.writeInteger(0 as UInt32)
    buffer.writeInteger(number, endianness: .little)
    buffer.writeInteger(previous, endianness: .little)
    buffer.writeInteger(revisionChanges.isEmpty ? self.changesOfV2 : self.changesOfBoth)
    buffer.writeInteger(time.nanoseconds, endianness: .little)
    buffer.writeInteger(index + 1, endianness: .little)
    buffer.writeVarint(changes.count)
    for change in changes { buffer.write(LoggedChange(change.event)) }
    if !revisionChanges.isEmpty {
      buffer.writeVarint(revisionChanges.count)
      for change in revisionChanges { buffer.write(change) }
    }
    let length = buffer.writerIndex - start - self.headSize
    buffer.setInteger(UInt32(length), at: start + 4, endianness: .little)
    buffer.writeRepeatingByte(0, count: -length & 7)
    let checksum = buffer.readableBytesView[start...].withUnsafeBytes { Checksum.of($0) }
    buffer.writeInteger(checksum, endianness: .little)
    return checksum
  }

  // MARK: Reading

  /// Reads the record at a place.
  /// - Returns: `nil` when none is there, or a damaged one.
  static func read(_ buffer: ByteBuffer, at offset: Int) -> (record: LogRecord, end: Int)? {
    guard buffer.getInteger(at: offset, endianness: .little) == self.magic,
      let length: UInt32 = buffer.getInteger(at: offset + 4, endianness: .little)
    else { return nil }
    let size = self.headSize + (Int(length) + 7) & ~7
    guard let checked = buffer.getSlice(at: offset, length: size),
      let checksum: UInt64 = buffer.getInteger(at: offset + size, endianness: .little),
      checked.readableBytesView.withUnsafeBytes({ Checksum.of($0) }) == checksum,
      let number: UInt64 = buffer.getInteger(at: offset + 8, endianness: .little),
      let previous: UInt64 = buffer.getInteger(at: offset + 16, endianness: .little),
      var payload = buffer.getSlice(at: offset + self.headSize, length: Int(length)),
      let kind: UInt8 = payload.readInteger(),
      kind == self.changesOfV2 || kind == self.changesOfBoth,
      let time: Int64 = payload.readInteger(endianness: .little),
      let firstIndex: UInt64 = payload.readInteger(endianness: .little),
      let count = payload.readVarint()
    else { return nil }
    var changes: [LoggedChange] = []
    for _ in 0..<count {
      guard let change = payload.readLoggedChange() else { return nil }
      changes.append(change)
    }
    var revisionChanges: [RevisionChange] = []
    if kind == self.changesOfBoth {
      guard let count = payload.readVarint() else { return nil }
      for _ in 0..<count {
        guard let change = payload.readRevisionChange() else { return nil }
        revisionChanges.append(change)
      }
    }
    let record = LogRecord(
      number: number, previous: previous, checksum: checksum,
      time: StoreTime(nanoseconds: time), firstIndex: firstIndex, changes: changes,
      revisionChanges: revisionChanges)
    return (record, offset + size + 8)
  }
}

extension ByteBuffer {
  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  mutating func writeVarint(_ number: Int) {
    var rest = UInt64(number)
    while rest > 0x7F {
      self.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    self.writeInteger(UInt8(rest))
  }

  mutating func readVarint() -> Int? {
    var (number, shift) = (0 as UInt64, 0 as UInt64)
    while shift < 63, let byte: UInt8 = self.readInteger() {
      number |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return Int(number) }
      shift += 7
    }
    return nil
  }

  mutating func writeField(_ bytes: [UInt8]) {
    self.writeVarint(bytes.count)
    self.writeBytes(bytes)
  }

  mutating func readField() -> [UInt8]? {
    self.readVarint().flatMap { self.readBytes(length: $0) }
  }

  /// The action and what is there; then the path, the deadline, the value.
  fileprivate mutating func write(_ change: LoggedChange) {
    var head = change.action.code
    if change.isDirectory { head |= 16 }
    if change.isRefresh { head |= 32 }
    if change.deadline != nil { head |= 64 }
    if change.value != nil { head |= 128 }
    self.writeInteger(head)
    self.writeField(change.path.bytes)
    if let deadline = change.deadline {
      self.writeInteger(deadline.nanoseconds, endianness: .little)
    }
    if let value = change.value { self.writeField(value) }
  }

  fileprivate mutating func readLoggedChange() -> LoggedChange? {
    guard let head: UInt8 = self.readInteger(), let action = Event.Action(code: head & 15),
      let path = self.readField()
    else { return nil }
    var change = LoggedChange(
      action, StorePath(clean: path), isDirectory: head & 16 != 0, isRefresh: head & 32 != 0)
    if head & 64 != 0 {
      guard let time: Int64 = self.readInteger(endianness: .little) else { return nil }
      change.deadline = StoreTime(nanoseconds: time)
    }
    if head & 128 != 0 {
      guard let value = self.readField() else { return nil }
      change.value = value
    }
    return change
  }
}

extension Event.Action {
  /// The action's number on disk. It never changes.
  fileprivate var code: UInt8 {
    switch self {
    case .get: 0
    case .set: 1
    case .create: 2
    case .update: 3
    case .delete: 4
    case .expire: 5
    case .compareAndSwap: 6
    case .compareAndDelete: 7
    }
  }

  fileprivate init?(code: UInt8) {
    guard let action = Self.allCases.first(where: { $0.code == code }) else { return nil }
    self = action
  }
}
