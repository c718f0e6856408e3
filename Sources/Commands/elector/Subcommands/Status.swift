import ArgumentParser
import Elector
import EtcdClient
import Logging

/// `elector status`.
struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the holders of locks.",
    usage: "elector status --etcd-servers <url,...> --key <key> ...",
    discussion: """
      RECORD is the last term in which a manifest may have been installed. It is "ended" when the term's \
      pod has ended, so that a new master need not wait for it.

      Example:  elector status --etcd-servers=http://127.0.0.1:2379 --key=scheduler --key=controller
      """)

  @OptionGroup var etcd: EtcdOptions
  @Option(help: ArgumentHelp("A lock's name; may be repeated.", valueName: "key"))
  var key: [String]

  private static let timeout = Duration.seconds(5)

  func validate() throws {
    if self.key.contains(where: { $0.split(separator: "/").isEmpty }) {
      throw ValidationError("--key must not be empty")
    }
  }

  func run() async throws {
    let silent = Logger(label: "status") { _ in SwiftLogNoOpLogHandler() }
    let client = try self.etcd.client(
      timeout: Self.timeout, attemptTimeout: Self.timeout / 2, logger: silent)
    let (rows, failures) = try await client.run { client in
      var (rows, failures) = ([LockRow](), [String]())
      for key in self.key {
        let options = LeaseOptions(key: key, value: "", ttlSeconds: 1, timeout: Self.timeout)
        let lock = EtcdLeasedKey(
          client: client, api: self.etcd.etcdApi, options: options, records: false)
        do throws(EtcdClientError) {
          rows.append(
            LockRow(
              key: key, lock: try await lock.readWithRest().fact,
              record: try await lock.sideValue(TermRecord.key(for: key)).fact))
        } catch {
          failures.append("\(key): \(error.description)")
        }
      }
      return (rows, failures)
    }
    if !rows.isEmpty { print(LockRow.table(rows)) }
    for warning in rows.flatMap(\.warnings) { print("warning: \(warning)") }
    if !failures.isEmpty { throw CommandFailure(description: failures.joined(separator: "; ")) }
  }
}

/// One lock, as a row of `elector status`.
struct LockRow: Equatable, Sendable {
  var key: String
  var holder: Holder?
  var remaining = LeaseRest.unknown
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
    let rest: String =
      switch self.remaining {
      case .unknown: "-"
      case .endless: "never"
      case .known(let duration): "\(duration.components.seconds)s"
      }
    let record: String =
      if let known = self.record {
        "\(known.isEnded ? "ended" : "open"), term \(known.term), \(known.candidate.name)"
      } else {
        self.hasForeignRecord ? "unreadable" : "-"
      }
    return [
      self.key, self.holder?.name ?? "-", self.holder.map { "\($0.term)" } ?? "-", rest,
      record,
    ]
  }

  /// What an operator should look into.
  var warnings: [String] {
    var warnings: [String] = []
    if self.hasForeignRecord {
      warnings.append("\(TermRecord.key(for: self.key)) holds no record of an elector")
    }
    if let holder, self.remaining == .endless {
      warnings.append(
        """
        \(self.key) has no TTL and never ends, since it was written by hand: delete it once no pod of \(holder.name) runs
        """)
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
