/// Characters in bytes that may not be UTF-8.
enum UTF8Sequence {
  /// Whether the bytes are UTF-8 without a zero byte.
  static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // Most text is ASCII.
    guard bytes.contains(where: { $0 == 0 || $0 >= 0x80 }) else { return true }
    return !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
  }

  /// The length of the well-formed character at the beginning; 0 without one.
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
