import FoundationEssentials

/// Splits a stream of bytes into lines.
struct LineBuffer {
  private var rest = Data()

  /// Appends bytes.
  /// - Returns: the lines that are complete now, without their ends and without empty ones.
  mutating func append(_ bytes: some Sequence<UInt8>) -> [Data] {
    self.rest.append(contentsOf: bytes)
    var lines: [Data] = []
    var start = self.rest.startIndex
    while let end = self.rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
      if end > start { lines.append(Data(self.rest[start..<end])) }
      start = self.rest.index(after: end)
    }
    self.rest = Data(self.rest[start...])
    return lines
  }
}
