import EtcdMessages
import NIOCore

/// The messages of the calls that stores live on, `Range`, `Put` and `Txn`, between their bytes and the keyspace's own
/// values, without the generated messages: those cost more than the keyspace does.
///
/// What is not plain is not read here but left to the generated messages, which know every rule and every error: an
/// unknown field, another wire type, a choice that is made twice, a value that the API does not have.
struct PlainReader {
  private let bytes: UnsafeRawBufferPointer
  private var index = 0

  private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// - Returns: `nil` for what is not plain.
  static func read<Value>(_ bytes: ByteBuffer, _ body: (PlainReader) -> Value?) -> Value? {
    bytes.withUnsafeReadableBytes { body(PlainReader($0)) }
  }

  var isAtEnd: Bool { self.index == self.bytes.count }

  mutating func varint() -> UInt64? {
    var (number, shift): (UInt64, UInt64) = (0, 0)
    while self.index < self.bytes.count {
      let byte = self.bytes[self.index]
      self.index += 1
      number |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return shift == 63 && byte > 1 ? nil : number }
      shift += 7
      guard shift < 64 else { return nil }
    }
    return nil
  }

  mutating func integer() -> Int64? { self.varint().map { Int64(bitPattern: $0) } }

  mutating func bool() -> Bool? { self.varint().map { $0 != 0 } }

  mutating func part() -> PlainReader? {
    guard let length = self.varint(), length <= UInt64(self.bytes.count - self.index) else {
      return nil
    }
    defer { self.index += Int(length) }
    return PlainReader(
      UnsafeRawBufferPointer(rebasing: self.bytes[self.index..<self.index + Int(length)]))
  }

  mutating func array() -> [UInt8]? { self.part().map { Array($0.bytes) } }

  /// A tag with this number and a varint, or with bytes.
  static func number(_ field: UInt64) -> UInt64 { field << 3 }
  static func bytes(_ field: UInt64) -> UInt64 { field << 3 | 2 }
}

extension RangeRequest {
  init?(plain reader: PlainReader) {
    var reader = reader
    var (key, end): ([UInt8], [UInt8]) = ([], [])
    self.init(KeyRange(RevisionKey([]), end: RevisionKey([])))
    while !reader.isAtEnd {
      guard let tag = reader.varint() else { return nil }
      switch tag {
      case PlainReader.bytes(1):
        guard let bytes = reader.array() else { return nil }
        key = bytes
      case PlainReader.bytes(2):
        guard let bytes = reader.array() else { return nil }
        end = bytes
      case PlainReader.number(3):
        guard let number = reader.integer() else { return nil }
        self.limit = number
      case PlainReader.number(4):
        guard let number = reader.integer() else { return nil }
        self.revision = number
      // The only effect of `serializable` is on a cluster.
      case PlainReader.number(7): guard reader.bool() != nil else { return nil }
      case PlainReader.number(8):
        guard let flag = reader.bool() else { return nil }
        self.keysOnly = flag
      case PlainReader.number(9):
        guard let flag = reader.bool() else { return nil }
        self.countOnly = flag
      default: return nil
      }
    }
    self.range = KeyRange(RevisionKey(key), end: RevisionKey(end))
  }
}

extension PutRequest {
  init?(plain reader: PlainReader) {
    var reader = reader
    var key: [UInt8] = []
    self.init(RevisionKey([]))
    while !reader.isAtEnd {
      guard let tag = reader.varint() else { return nil }
      switch tag {
      case PlainReader.bytes(1):
        guard let bytes = reader.array() else { return nil }
        key = bytes
      case PlainReader.bytes(2):
        guard let bytes = reader.array() else { return nil }
        self.value = bytes
      case PlainReader.number(3):
        guard let number = reader.integer() else { return nil }
        self.lease = number
      case PlainReader.number(4):
        guard let flag = reader.bool() else { return nil }
        self.wantsPrevious = flag
      default: return nil
      }
    }
    self.key = RevisionKey(key)
  }
}

extension TxnRequest {
  init?(plain reader: PlainReader) {
    var reader = reader
    self.init()
    while !reader.isAtEnd {
      guard let tag = reader.varint(), let part = reader.part() else { return nil }
      switch tag {
      case PlainReader.bytes(1):
        guard let comparison = TxnCompare(plain: part) else { return nil }
        self.comparisons.append(comparison)
      case PlainReader.bytes(2):
        guard let operation = Self.operation(part) else { return nil }
        self.success.append(operation)
      case PlainReader.bytes(3):
        guard let operation = Self.operation(part) else { return nil }
        self.failure.append(operation)
      default: return nil
      }
    }
  }

  private static func operation(_ reader: PlainReader) -> Operation? {
    var reader = reader
    guard let tag = reader.varint(), let part = reader.part(), reader.isAtEnd else { return nil }
    return switch tag {
    case PlainReader.bytes(1): RangeRequest(plain: part).map { .range($0) }
    case PlainReader.bytes(2): PutRequest(plain: part).map { .put($0) }
    default: nil
    }
  }
}

extension TxnCompare {
  fileprivate init?(plain reader: PlainReader) {
    var reader = reader
    var key: [UInt8] = []
    var wanted: UInt64?
    var found: (field: UInt64, number: Int64)?
    self.init(KeyRange(RevisionKey([]), end: RevisionKey([])))
    while !reader.isAtEnd {
      guard let tag = reader.varint() else { return nil }
      switch tag {
      case PlainReader.number(1):
        guard let number = reader.varint(), number < 4 else { return nil }
        self.relation = [.equal, .greater, .less, .notEqual][Int(number)]
      case PlainReader.number(2):
        guard let number = reader.varint() else { return nil }
        wanted = number
      case PlainReader.bytes(3):
        guard let bytes = reader.array() else { return nil }
        key = bytes
      case PlainReader.number(4), PlainReader.number(5), PlainReader.number(6):
        guard found == nil, let number = reader.integer() else { return nil }
        found = (tag >> 3, number)
      default: return nil
      }
    }
    // A target without its own number compares with 0, which the generated message knows.
    switch (wanted ?? 0, found?.field) {
    case (0, 4): self.target = .version(found?.number ?? 0)
    case (1, 5): self.target = .create(found?.number ?? 0)
    case (2, 6): self.target = .mod(found?.number ?? 0)
    default: return nil
    }
    self.range = KeyRange(RevisionKey(key), end: RevisionKey([]))
  }
}

// MARK: Answers

/// Writes a message from its end to its beginning: so the length of a part is known when it is to be written.
struct PlainWriter {
  private let space: UnsafeMutableRawBufferPointer
  /// Where the message begins so far; less than 0 once there is too little space.
  private var start: Int

  private init(_ space: UnsafeMutableRawBufferPointer) {
    self.space = space
    self.start = space.count
  }

  /// The message that the body writes.
  /// - Parameters:
  ///   - capacity: about how long it will be.
  ///   - body: is called again, if it was longer.
  static func message(capacity: Int, _ body: (inout PlainWriter) -> Void) -> ByteBuffer {
    var buffer = ByteBufferAllocator().buffer(capacity: capacity)
    var start = 0
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { space in
      var writer = PlainWriter(UnsafeMutableRawBufferPointer(rebasing: space[..<capacity]))
      body(&writer)
      start = writer.start
      return capacity
    }
    guard start >= 0 else { return self.message(capacity: capacity - start, body) }
    buffer.moveReaderIndex(to: start)
    return buffer
  }

  /// Takes the space before what is written.
  private mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer? {
    self.start -= count
    guard self.start >= 0 else { return nil }
    return UnsafeMutableRawBufferPointer(rebasing: self.space[self.start..<self.start + count])
  }

  private mutating func varint(_ number: UInt64) {
    let length = number == 0 ? 1 : (63 - number.leadingZeroBitCount) / 7 + 1
    guard let space = self.take(length) else { return }
    var number = number
    for place in 0..<length - 1 {
      space[place] = UInt8(truncatingIfNeeded: number) | 0x80
      number >>= 7
    }
    space[length - 1] = UInt8(number)
  }

  /// A field is left out where it is 0.
  mutating func number(_ number: Int64, _ field: UInt64) {
    self.number(UInt64(bitPattern: number), field)
  }

  mutating func number(_ number: UInt64, _ field: UInt64) {
    guard number != 0 else { return }
    self.varint(number)
    self.varint(PlainReader.number(field))
  }

  mutating func array(_ array: [UInt8], _ field: UInt64) {
    guard !array.isEmpty else { return }
    self.take(array.count)?.copyBytes(from: array)
    self.varint(UInt64(array.count))
    self.varint(PlainReader.bytes(field))
  }

  /// A message in the message, which is there even when it is empty.
  mutating func part(_ field: UInt64, _ write: (inout PlainWriter) -> Void) {
    let end = self.start
    write(&self)
    self.varint(UInt64(end - self.start))
    self.varint(PlainReader.bytes(field))
  }

  mutating func header(_ header: V3ResponseHeader) {
    self.part(1) { writer in
      writer.number(header.raftTerm, 4)
      writer.number(header.revision, 3)
      writer.number(header.memberID, 2)
      writer.number(header.clusterID, 1)
    }
  }

  /// The header of a part of a transaction.
  private mutating func header(_ revision: Int64) {
    self.part(1) { $0.number(revision, 3) }
  }

  mutating func pair(_ pair: KeyValue, _ field: UInt64) {
    self.part(field) { writer in
      writer.number(pair.lease, 6)
      writer.array(pair.value, 5)
      writer.number(pair.version, 4)
      writer.number(pair.modRevision, 3)
      writer.number(pair.createRevision, 2)
      writer.array(pair.key.bytes, 1)
    }
  }

  mutating func range(_ answer: RangeAnswer) {
    self.number(answer.count, 4)
    self.number(answer.hasMore ? 1 as UInt64 : 0, 3)
    for pair in answer.pairs.reversed() { self.pair(pair, 2) }
  }

  mutating func txn(_ answer: TxnAnswer) {
    for part in answer.parts.reversed() {
      self.part(3) { writer in
        switch part {
        case .range(let answer, let revision):
          writer.part(1) { writer in
            writer.range(answer)
            writer.header(revision)
          }
        case .put(let previous, let revision):
          writer.part(2) { writer in
            if let previous { writer.pair(previous, 2) }
            writer.header(revision)
          }
        case .delete(let count, let previous, let revision):
          writer.part(3) { writer in
            for pair in previous.reversed() { writer.pair(pair, 3) }
            writer.number(count, 2)
            writer.header(revision)
          }
        case .txn(let answer):
          writer.part(4) { writer in
            writer.txn(answer)
            writer.header(0)
          }
        }
      }
    }
    self.number(answer.hasSucceeded ? 1 as UInt64 : 0, 2)
  }
}

extension RangeAnswer {
  /// About how long it is as a message.
  var byteCount: Int {
    self.pairs.reduce(64) { $0 + $1.key.bytes.count + $1.value.count + 48 }
  }
}
