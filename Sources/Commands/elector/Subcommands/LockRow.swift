import Elector
import EtcdClient

/// One lock, as a row of `elector status`.
struct LockRow: Equatable, Sendable {
  var key: String
  var holder: Holder?
  var remaining: Duration?
  var record: TermRecord?
  private var hasForeignRecord = false

  init(key: String, lock: LeaseAnswer.Fact, record: SideAnswer.Fact) {
    self.key = key
    if case .held(let holder, let remaining) = lock {
      (self.holder, self.remaining) = (holder, remaining)
    }
    if case .found(let value, _) = record {
      self.record = TermRecord(json: value)
      self.hasForeignRecord = self.record == nil
    }
  }

  var cells: [String] {
    let rest = self.remaining.map { "\($0.components.seconds)s" }
    let record: String =
      if let known = self.record {
        "\(known.isEnded ? "ended" : "open"), term \(known.term), \(known.candidate.name)"
      } else {
        self.hasForeignRecord ? "unreadable" : "-"
      }
    return [
      self.key, self.holder?.name ?? "-", self.holder.map { "\($0.term)" } ?? "-", rest ?? "-",
      record,
    ]
  }

  /// What an operator should look into.
  var warnings: [String] {
    var warnings: [String] = []
    if self.hasForeignRecord {
      warnings.append("\(TermRecord.key(for: self.key)) holds no record of an elector")
    }
    guard let holder, let record else { return warnings }
    if record.term == holder.term, record.candidate.name != holder.name {
      warnings.append(
        "\(self.key) is held as \(holder.name) in a term that began as \(record.candidate.name)")
    }
    if record.term < holder.term, !record.isEnded, record.candidate.name == holder.name {
      warnings.append(
        """
        \(self.key): \(holder.name) holds it in a new term, but a term of that name is open with boot \
        ID \(record.candidate.bootID): it waits, or two electors share the name
        """)
    }
    return warnings
  }

  static func table(_ rows: [LockRow]) -> String {
    let lines = [["KEY", "HOLDER", "TERM", "REST", "RECORD"]] + rows.map(\.cells)
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { cells in
      var line = zip(cells, widths).map {
        $0 + String(repeating: " ", count: $1 - $0.count + 3)
      }.joined()
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
