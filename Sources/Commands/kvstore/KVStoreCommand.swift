import ArgumentParser
import GoFlags
import KVStore
import Klog
import Logging
import ServiceLifecycle

import Glibc

@main struct KVStoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kvstore",
    abstract: "An etcd v2 API server on SQLite.",
    discussion: """
      Speaks etcd's v2 keys API (TTL, compare-and-swap, watches) and keeps the keys in one SQLite \
      file. A write that was answered survives kill -9 and power loss.

      Example:
        kvstore --listen-client-urls http://127.0.0.1:2379 --data-dir /var/lib/kvstore
        curl -X PUT http://127.0.0.1:2379/v2/keys/message -d value=hello
        curl http://127.0.0.1:2379/v2/keys/message
      """,
    subcommands: [Check.self, Backup.self, Restore.self])

  @Option(
    help: ArgumentHelp(
      "Addresses to listen on, separated by commas; port 0 takes a free one, and the address that was bound is printed.",
      valueName: "urls"))
  var listenClientUrls = "http://127.0.0.1:2379"

  @Option(help: ArgumentHelp("Where the data are kept; made if it is not there.", valueName: "dir"))
  var dataDir = "default.kvstore"

  @Option(help: "The member's name in /v2/members.")
  var name = "default"

  @Option(name: .customLong("v"), help: "How much is logged: 0 to 4.")
  var verbosity = 0

  static func main() async {
    await self.main(GoCommandLine.normalized(Array(CommandLine.arguments.dropFirst())))
  }

  func run() async throws {
    KlogHandler.bootstrap(logLevel: KlogHandler.level(verbosity: self.verbosity))
    let logger = Logger(label: "kvstore")
    let server: KVStoreServer
    do {
      server = try await KVStoreServer.start(
        .directory(self.dataDir),
        listenURLs: self.listenClientUrls.split(separator: ",").map(String.init), name: self.name,
        logger: logger)
    } catch {
      logger.error("\(error)")
      throw ExitCode(1)
    }
    for url in server.urls { print("kvstore: listening on \(url)") }
    fflush(nil)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [.init(service: server)], gracefulShutdownSignals: [.sigterm, .sigint],
        logger: logger))
    try await group.run()
  }
}
