/// A table as text: as kubectl prints one, or in Markdown.
package struct TextTable: Equatable, Sendable, CustomStringConvertible {
  package var header: [String]
  package var rows: [[String]]

  /// - Precondition: each row has as many cells as the header.
  package init(header: [String], rows: [[String]]) {
    precondition(rows.allSatisfy { $0.count == header.count }, "a row has another number of cells")
    self.header = header
    self.rows = rows
  }

  /// As kubectl prints it: three blanks after each column but the last. There is no line break at the end.
  package var description: String {
    let lines = [self.header] + self.rows
    let widths = Self.widths(lines)
    return lines.map { cells in
      var line = ""
      for (cell, width) in zip(cells, widths) {
        line += cell + String(repeating: " ", count: width - cell.count + 3)
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  /// In Markdown, with aligned columns; without a line break at the end.
  package var markdown: String {
    let lines = ([self.header] + self.rows).map { $0.map { $0.replacing("|", with: "\\|") } }
    let widths = Self.widths(lines).map { max(3, $0) }
    var text = lines.map { cells in
      zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
    }
    text.insert(widths.map { String(repeating: "-", count: $0) }, at: 1)
    return text.map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
  }

  private static func widths(_ lines: [[String]]) -> [Int] {
    (lines.first ?? []).indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
  }
}
