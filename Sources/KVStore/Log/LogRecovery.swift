/// What a start makes of the log: the batches that the tables lack, or what is lost.
///
/// Invariants: the batches follow on that of the tables without a gap; each was chained to the one before; no
/// batch that was acknowledged is missing.
struct LogRecovery: Equatable, Sendable {
  /// A batch and its checksum.
  struct Position: Equatable, Sendable {
    var number: UInt64
    var checksum: UInt64

    static let start = Position(number: 0, checksum: 0)
  }

  /// Why acknowledged changes are missing.
  struct Damage: Error, Equatable, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "\(self.path): \(self.reason)" }
  }

  private(set) var records: [LogRecord] = []
  private(set) var last: Position

  /// - Parameters:
  ///   - files: of the log, at least one.
  ///   - folded: the last batch that is in the tables.
  ///   - index: the tables' index.
  ///   - mark: `nil` when it is missing or damaged.
  init(
    _ files: [LogContents], folded: Position, index: UInt64, mark: AcknowledgedMark?
  ) throws(Damage) {
    self.last = folded
    var (index, path, end) = (index, files.first?.path ?? "", LogHeader.size)
    for file in files.sorted(by: { $0.records.first?.number ?? 0 < $1.records.first?.number ?? 0 })
    where !file.records.isEmpty {
      for record in file.records where record.number >= self.last.number {
        if record.number == self.last.number {
          guard record.checksum == self.last.checksum else {
            throw Damage(
              path: file.path, reason: "its batch \(record.number) is not that of the tables")
          }
          continue
        }
        guard record.number == self.last.number + 1, record.previous == self.last.checksum,
          record.firstIndex == index + 1
        else {
          throw Self.lost(index + 1, to: record.firstIndex - 1, path, at: end)
        }
        self.records.append(record)
        self.last = Position(number: record.number, checksum: record.checksum)
        index = record.lastIndex
      }
      (path, end) = (file.path, file.end)
    }
    let stray = files.compactMap(\.stray).max { $0.number < $1.number }
    if let stray, stray.number > self.last.number {
      throw Self.lost(index + 1, to: max(stray.lastIndex, mark?.index ?? 0), path, at: end)
    }
    if let mark, mark.number > self.last.number {
      throw Self.lost(index + 1, to: mark.index, path, at: end)
    }
  }

  private static func lost(
    _ first: UInt64, to last: UInt64, _ path: String, at offset: Int
  ) -> Damage {
    let changes =
      first >= last ? "change of index \(first)" : "changes of index \(first) to \(last)"
    return Damage(path: path, reason: "it ends at byte \(offset), and the \(changes) are lost")
  }
}
