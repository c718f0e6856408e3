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
        let lock = EtcdLeasedKey(client: client, api: self.etcd.etcdApi, options: options)
        do throws(EtcdClientError) {
          rows.append(
            LockRow(
              key: key, lock: try await lock.perform(.read).fact,
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
