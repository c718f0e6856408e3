/// A protocol buffers message: numbered fields whose meaning only the reader knows. Fixed-length numbers
/// are skipped.
///
/// Source: https://protobuf.dev/programming-guides/encoding
struct ProtobufMessage: Sendable {
  enum Value: Sendable {
    case varint(UInt64)
    /// A text, a nested message, or bytes.
    case bytes([UInt8])
  }

  private(set) var fields: [(number: UInt64, value: Value)] = []

  init() {}

  /// `nil` for truncated bytes and for the deprecated group types.
  init?(_ bytes: some Collection<UInt8>) {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      guard let tag = Self.varint(&rest), tag >> 3 != 0 else { return nil }
      switch tag & 7 {
      case 0:
        guard let number = Self.varint(&rest) else { return nil }
        self.fields.append((tag >> 3, .varint(number)))
      case 2:
        guard let length = Self.varint(&rest), length <= UInt64(rest.count) else { return nil }
        self.fields.append((tag >> 3, .bytes(Array(rest.prefix(Int(length))))))
        rest = rest.dropFirst(Int(length))
      case 1, 5:
        let length = tag & 7 == 1 ? 8 : 4
        guard rest.count >= length else { return nil }
        rest = rest.dropFirst(length)
      default: return nil
      }
    }
  }

  private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
    var number: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      number |= UInt64(byte & 0x7f) << UInt64(shift)
      if byte < 0x80 { return number }
    }
    return nil
  }

  // MARK: Reading

  /// All values of a bytes field.
  func all(_ number: UInt64) -> [[UInt8]] {
    self.fields.compactMap {
      if $0.number == number, case .bytes(let bytes) = $0.value { bytes } else { nil }
    }
  }

  /// The last value of a field, which counts.
  func bytes(_ number: UInt64) -> [UInt8]? { self.all(number).last }

  func varint(_ number: UInt64) -> UInt64? {
    self.fields.reversed().lazy.compactMap {
      if $0.number == number, case .varint(let value) = $0.value { value } else { nil }
    }.first
  }

  // MARK: Writing

  mutating func append(_ number: UInt64, _ text: String) {
    self.fields.append((number, .bytes(Array(text.utf8))))
  }

  mutating func append(_ number: UInt64, _ message: Self) {
    self.fields.append((number, .bytes(message.encoded)))
  }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    func write(_ number: UInt64) {
      var number = number
      while number >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: number) | 0x80)
        number >>= 7
      }
      bytes.append(UInt8(number))
    }
    for field in self.fields {
      switch field.value {
      case .varint(let number):
        write(field.number << 3)
        write(number)
      case .bytes(let content):
        write(field.number << 3 | 2)
        write(UInt64(content.count))
        bytes += content
      }
    }
    return bytes
  }
}
