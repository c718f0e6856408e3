/// Turns the lines of a log file into a reader's text, as a value.
struct ContainerLogFilter {
  private let options: ContainerLogOptions
  private var rest: [UInt8] = []
  /// Whether the last entry was a partial line.
  private var isMidLine = false
  private var left: Int?

  init(_ options: ContainerLogOptions) {
    self.options = options
    self.left = options.limitBytes
  }

  /// Whether the limit of bytes is reached.
  var isFull: Bool { self.left == 0 }

  /// The text of the file's present content: its last lines when the options limit them.
  mutating func begin(_ bytes: [UInt8]) -> [UInt8] {
    let entries = self.entries(bytes)
    guard let count = self.options.tailLines else { return self.text(entries) }
    var lines = 0
    var start = entries.count
    // A line ends with an entry that is not partial.
    while start > 0 {
      if entries[start - 1].isWhole { lines += 1 }
      if lines > count { break }
      start -= 1
    }
    return self.text(Array(entries[start...]))
  }

  /// The text of bytes that were appended to the file.
  mutating func append(_ bytes: [UInt8]) -> [UInt8] { self.text(self.entries(bytes)) }

  /// The lines that end in these bytes, which begin with an entry.
  static func wholeLines(in bytes: [UInt8]) -> Int {
    var filter = Self(ContainerLogOptions())
    return filter.entries(bytes).count(where: \.isWhole)
  }

  private struct Entry {
    let time: ArraySlice<UInt8>
    let isWhole: Bool
    let text: ArraySlice<UInt8>
  }

  private static let streams = [Array("stdout".utf8), Array("stderr".utf8)]

  private mutating func entries(_ bytes: [UInt8]) -> [Entry] {
    self.rest += bytes
    var entries: [Entry] = []
    var start = self.rest.startIndex
    while let end = self.rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let parts = self.rest[start..<end].split(
        separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
      start = end + 1
      // A line of another form does not come from a runtime.
      guard parts.count == 4, Self.streams.contains(Array(parts[1])) else { continue }
      entries.append(
        Entry(time: parts[0], isWhole: parts[2].first == UInt8(ascii: "F"), text: parts[3]))
    }
    self.rest.removeSubrange(..<start)
    return entries
  }

  private mutating func text(_ entries: [Entry]) -> [UInt8] {
    var text: [UInt8] = []
    let since = self.options.since.map { Array($0.utf8) } ?? []
    for entry in entries where !entry.time.lexicographicallyPrecedes(since) {
      if self.options.timestamps, !self.isMidLine {
        text += entry.time
        text.append(UInt8(ascii: " "))
      }
      text += entry.text
      if entry.isWhole { text.append(UInt8(ascii: "\n")) }
      self.isMidLine = !entry.isWhole
    }
    if let left {
      text = Array(text.prefix(left))
      self.left = left - text.count
    }
    return text
  }
}
