import NIOCore

/// What one file of the log holds: a chain of records from its beginning, and what comes behind their end.
///
/// A file is used again from its beginning once its changes are in the tables, so older records may lie behind
/// the end. Newer ones may not: they are what is left behind a damaged record.
struct LogContents: Sendable {
  let path: String
  private(set) var records: [LogRecord] = []
  /// Where the chain ends, in bytes.
  private(set) var end = LogHeader.size
  /// The newest record behind the end.
  private(set) var stray: LogRecord?

  /// - Parameter buffer: the whole file.
  init(path: String, _ buffer: ByteBuffer) {
    self.path = path
    while let (record, end) = LogRecord.read(buffer, at: self.end) {
      if let last = self.records.last {
        guard record.number == last.number + 1, record.previous == last.checksum else { break }
      }
      self.records.append(record)
      self.end = end
    }
    self.findStray(in: buffer)
  }

  private mutating func findStray(in buffer: ByteBuffer) {
    var offset = self.end
    let magic = LogRecord.magic.littleEndian
    while offset + LogRecord.headSize < buffer.writerIndex {
      // In one step over what cannot be a record: a file of zeros is long.
      let found = buffer.withUnsafeReadableBytes { bytes in
        stride(from: offset, to: bytes.count - LogRecord.headSize, by: 8).first {
          bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self) == magic
        }
      }
      guard let found else { return }
      if let (record, end) = LogRecord.read(buffer, at: found) {
        if record.number > self.stray?.number ?? 0 { self.stray = record }
        offset = end
      } else {
        offset = found + 8
      }
    }
  }
}

/// The first bytes of a file of the log.
///
///     0   8  "kvs-log1"
///     8   8  the log's id, the same in both files and in the tables
///     16  8  the checksum of the 16 bytes before
struct LogHeader: Equatable, Sendable {
  static let size = 64
  private static let magic: UInt64 = 0x3167_6F6C_2D73_766B

  var logID: UInt64

  init(logID: UInt64) {
    self.logID = logID
  }

  /// - Returns: `nil` for a damaged one.
  init?(_ buffer: ByteBuffer) {
    guard buffer.getInteger(at: 0, endianness: .little) == Self.magic,
      let logID: UInt64 = buffer.getInteger(at: 8, endianness: .little),
      LogHeader(logID: logID).bytes.getSlice(at: 0, length: Self.size)
        == buffer.getSlice(at: 0, length: Self.size)
    else { return nil }
    self.logID = logID
  }

  var bytes: ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeInteger(Self.magic, endianness: .little)
    buffer.writeInteger(self.logID, endianness: .little)
    let checksum = buffer.readableBytesView.withUnsafeBytes { Checksum.of($0) }
    buffer.writeInteger(checksum, endianness: .little)
    buffer.writeRepeatingByte(0, count: Self.size - buffer.readableBytes)
    return buffer
  }
}

/// The last batch that was acknowledged, as noted outside of the log, without a sync of its own: exact after the
/// process was killed, perhaps behind after a power cut.
struct AcknowledgedMark: Equatable, Sendable {
  static let size = 56
  /// "kvsmark2".
  private static let magic: UInt64 = 0x326B_7261_6D73_766B
  /// "kvsmark1", from before v3: without a revision.
  private static let formerMagic: UInt64 = 0x316B_7261_6D73_766B

  var logID: UInt64
  /// The number of the last batch.
  var number: UInt64 = 0
  /// The index of its last change.
  var index: UInt64 = 0
  /// The number of changes of users and roles.
  var authRevision: UInt64 = 0
  /// The last revision of v3.
  var revision: Int64 = 1

  init(
    logID: UInt64, number: UInt64 = 0, index: UInt64 = 0, authRevision: UInt64 = 0,
    revision: Int64 = 1
  ) {
    self.logID = logID
    self.number = number
    self.index = index
    self.authRevision = authRevision
    self.revision = revision
  }

  /// - Returns: `nil` for a damaged one.
  init?(_ bytes: ByteBuffer) {
    var buffer = bytes
    guard let magic: UInt64 = buffer.readInteger(endianness: .little),
      magic == Self.magic || magic == Self.formerMagic,
      let logID: UInt64 = buffer.readInteger(endianness: .little),
      let number: UInt64 = buffer.readInteger(endianness: .little),
      let index: UInt64 = buffer.readInteger(endianness: .little),
      let authRevision: UInt64 = buffer.readInteger(endianness: .little)
    else { return nil }
    self.init(logID: logID, number: number, index: index, authRevision: authRevision)
    if magic == Self.magic {
      guard let revision: Int64 = buffer.readInteger(endianness: .little) else { return nil }
      self.revision = revision
    }
    guard self.bytes(magic) == bytes else { return nil }
  }

  var bytes: ByteBuffer { self.bytes(Self.magic) }

  private func bytes(_ magic: UInt64) -> ByteBuffer {
    var buffer = ByteBuffer()
    for word in [magic, self.logID, self.number, self.index, self.authRevision] {
      buffer.writeInteger(word, endianness: .little)
    }
    if magic == Self.magic { buffer.writeInteger(self.revision, endianness: .little) }
    buffer.writeInteger(
      buffer.readableBytesView.withUnsafeBytes { Checksum.of($0) }, endianness: .little)
    return buffer
  }
}
