import Foundation
import NIOCore

extension Event {
  /// The event as etcd prints it, with the newline at its end.
  var json: ByteBuffer { self.json() }

  /// - Parameters:
  ///   - actionOnly: leave out the nodes, as `noValueOnSuccess` asks for.
  ///   - wall: what the store's times are shown by; as they are without one.
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
  /// The body of an error's answer, with the newline at its end.
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

/// Writes JSON as Go's `encoding/json` does, to the byte: the order of members, what is left out when
/// it is zero, and what is escaped.
struct JSONWriter {
  private(set) var buffer: ByteBuffer

  private let wall: WallSkew?
  /// Asked for once, so that all times of one text are of one clock.
  private lazy var skew = self.wall?.nanoseconds ?? 0

  /// - Parameters:
  ///   - capacity: about how many bytes will come.
  ///   - wall: what the store's times are shown by.
  init(capacity: Int = 128, wall: WallSkew? = nil) {
    self.wall = wall
    self.buffer = ByteBufferAllocator().buffer(capacity: capacity)
  }

  /// Members' names and the like, as they are.
  mutating func raw(_ text: StaticString) {
    self.buffer.writeStaticString(text)
  }

  mutating func raw(_ text: String) {
    self.buffer.writeString(text)
  }

  mutating func raw(_ number: UInt64) {
    self.buffer.writeDecimal(number)
  }

  /// Source: `NodeExtern` of etcd's v2store.
  mutating func node(_ node: NodeView) {
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

  mutating func string(_ text: String.UTF8View) {
    self.string(Array(text))
  }

  /// A JSON string; each byte that is no UTF-8 becomes U+FFFD.
  mutating func string(_ bytes: [UInt8]) {
    self.buffer.writeInteger(UInt8(ascii: "\""))
    // Most are plain from their beginning to their end, and go out as they are.
    let plain = bytes.firstIndex { !Self.isPlain($0) } ?? bytes.endIndex
    bytes.withUnsafeBytes { bytes in
      _ = self.buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<plain]))
    }
    if plain < bytes.endIndex { self.escaped(bytes[plain...]) }
    self.buffer.writeInteger(UInt8(ascii: "\""))
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "&"):
      false
    default: byte >= 0x20 && byte < 0x80
    }
  }

  private mutating func escaped(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while true {
      rest = self.common(rest)
      guard let byte = rest.first else { break }
      if byte < 0x80 {
        rest.removeFirst()
        self.ascii(byte)
        continue
      }
      let length = UTF8Sequence.length(of: rest)
      switch length {
      case 0:
        rest.removeFirst()
        self.raw("\\ufffd")
      case 3 where rest.starts(with: [0xE2, 0x80, 0xA8]):
        rest.removeFirst(3)
        self.raw("\\u2028")
      case 3 where rest.starts(with: [0xE2, 0x80, 0xA9]):
        rest.removeFirst(3)
        self.raw("\\u2029")
      default:
        self.buffer.writeBytes(rest.prefix(length))
        rest.removeFirst(length)
      }
    }
  }

  /// What is plain, quotes and backslashes: most of a text that is JSON itself.
  /// - Returns: the rest, from something else on.
  private mutating func common(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var read = 0
    self.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 2 * bytes.count) { space in
      bytes.withUnsafeBytes { bytes in
        var written = 0
        while read < bytes.count {
          let byte = bytes[read]
          if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            space[written] = UInt8(ascii: "\\")
            written += 1
          } else if !Self.isPlain(byte) {
            break
          }
          space[written] = byte
          written += 1
          read += 1
        }
        return written
      }
    }
    return bytes.dropFirst(read)
  }

  private mutating func ascii(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      self.buffer.writeInteger(UInt8(ascii: "\\"))
      self.buffer.writeInteger(byte)
    case UInt8(ascii: "\n"): self.raw("\\n")
    case UInt8(ascii: "\r"): self.raw("\\r")
    case UInt8(ascii: "\t"): self.raw("\\t")
    // Control characters, and what could be taken for HTML.
    case ..<0x20, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
      let digits = String(byte, radix: 16)
      self.raw("\\u00" + (digits.count == 1 ? "0" : "") + digits)
    default: self.buffer.writeInteger(byte)
    }
  }
}

/// Where one character ends in bytes that may be no UTF-8 at all.
enum UTF8Sequence {
  /// Whether all of it is UTF-8 without a zero byte.
  static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // Most text is ASCII.
    guard bytes.contains(where: { $0 == 0 || $0 >= 0x80 }) else { return true }
    return !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
  }

  /// The length of the well-formed character that begins here; 0 where none does.
  ///
  /// Source: table 3-7 of the Unicode Standard.
  static func length(of bytes: ArraySlice<UInt8>) -> Int {
    guard let first = bytes.first else { return 0 }
    let second: ClosedRange<UInt8>
    let length: Int
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return 0
    }
    let tail = bytes.dropFirst().prefix(length - 1)
    guard tail.count == length - 1, tail.first.map(second.contains) == true,
      tail.dropFirst().allSatisfy({ (0x80...0xBF).contains($0) })
    else { return 0 }
    return length
  }
}

extension StoreTime {
  /// The instant as Go prints a time in UTC: nanoseconds without trailing zeros, `Z` at the end.
  var rfc3339: String {
    let (seconds, nanoseconds) = self.nanoseconds.quotientAndRemainderRoundedDown(by: 1_000_000_000)
    var time = tm()
    var whole = time_t(seconds)
    gmtime_r(&whole, &time)
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    var text =
      "\(padded(Int(time.tm_year) + 1900, 4))-\(padded(Int(time.tm_mon) + 1, 2))-"
      + "\(padded(Int(time.tm_mday), 2))T\(padded(Int(time.tm_hour), 2)):"
      + "\(padded(Int(time.tm_min), 2)):\(padded(Int(time.tm_sec), 2))"
    if nanoseconds != 0 {
      text += "." + padded(Int(nanoseconds), 9)
      while text.hasSuffix("0") { text.removeLast() }
    }
    return text + "Z"
  }
}

extension Int64 {
  fileprivate func quotientAndRemainderRoundedDown(by divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
