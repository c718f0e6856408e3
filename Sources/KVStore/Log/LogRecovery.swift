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
  ///   - revision: the tables' revision of v3.
  ///   - mark: `nil` when it is missing or damaged.
  init(
    _ files: [LogContents], folded: Position, index: UInt64, revision: Int64 = 1,
    mark: AcknowledgedMark?
  ) throws(Damage) {
    self.last = folded
    var known = Known(index: index, revision: revision)
    var (path, end) = (files.first?.path ?? "", LogHeader.size)
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
          record.firstIndex == known.index + 1
        else {
          throw known.lost(
            to: record.firstIndex - 1, record.firstRevision.map { $0 - 1 },
            batch: record.number - 1,
            path, at: end)
        }
        self.records.append(record)
        self.last = Position(number: record.number, checksum: record.checksum)
        known.index = record.lastIndex
        known.revision = record.lastRevision ?? known.revision
      }
      (path, end) = (file.path, file.end)
    }
    let stray = files.compactMap(\.stray).max { $0.number < $1.number }
    if let stray, stray.number > self.last.number {
      throw known.lost(
        to: max(stray.lastIndex, mark?.index ?? 0),
        max(stray.lastRevision ?? 0, mark?.revision ?? 0), batch: stray.number, path, at: end)
    }
    if let mark, mark.number > self.last.number {
      throw known.lost(to: mark.index, mark.revision, batch: mark.number, path, at: end)
    }
  }

  /// How far the log is whole.
  private struct Known {
    var index: UInt64
    var revision: Int64

    /// - Parameters:
    ///   - index: the last one that is lost; none is if it is not beyond the known one.
    ///   - revision: the same.
    ///   - batch: the last one that is lost.
    func lost(
      to index: UInt64, _ revision: Int64?, batch: UInt64, _ path: String, at offset: Int
    ) -> Damage {
      var parts: [String] = []
      if index > self.index { parts.append(Self.range("index", self.index + 1, index)) }
      if let revision, revision > self.revision {
        parts.append(Self.range("revision", self.revision + 1, revision))
      }
      if parts.isEmpty { parts.append("up to batch \(batch)") }
      return Damage(
        path: path,
        reason:
          "it ends at byte \(offset), and the changes \(parts.joined(separator: " and ")) are lost")
    }

    private static func range(
      _ name: String, _ first: some BinaryInteger, _ last: some BinaryInteger
    ) -> String {
      first >= last ? "of \(name) \(first)" : "of \(name) \(first) to \(last)"
    }
  }
}
