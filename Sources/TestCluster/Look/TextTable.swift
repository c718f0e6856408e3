/// A table in the form that kubectl prints: columns as wide as their widest cell, three blanks between
/// them, nothing after the last.
public struct TextTable: Equatable, Sendable, CustomStringConvertible {
  public var header: [String]
  public var rows: [[String]]

  /// - Precondition: each row has as many cells as the header.
  public init(header: [String], rows: [[String]]) {
    precondition(rows.allSatisfy { $0.count == header.count }, "a row has another number of cells")
    self.header = header
    self.rows = rows
  }

  /// The lines, without a line break at the end.
  public var description: String {
    let lines = [self.header] + self.rows
    let widths = self.header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { cells in
      var line = ""
      for (cell, width) in zip(cells, widths) {
        line += cell + String(repeating: " ", count: width - cell.count + 3)
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  /// The same for a document in Markdown.
  public var markdown: String {
    let lines = [self.header, self.header.map { _ in "---" }] + self.rows
    return lines.map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
  }
}
