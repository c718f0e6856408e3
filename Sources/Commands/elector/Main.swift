import ArgumentParser
import Elector
import EtcdClient
import Glibc
import GoFlags
import Klog
import Logging
import ServiceLifecycle
import UnixSignals

struct ElectorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elector",
    abstract: "Holds a lease key in etcd; while it does, a manifest is in the kubelet's directory.",
    usage: """
      elector --etcd-servers <url,...> --key <key> --source-file <file> --dest-file <file> [options]
      elector clean --dest-file <file> ...
      """,
    discussion: """
      Takes podmaster's flags as they are. Of all electors with the same --key one is the master: \
      it copies --source-file to --dest-file, and takes it away before its lease can end.

      On SIGTERM the manifest is removed first, then the lock is released.

      It runs as two processes: a guard, which owns the manifest, and its child, which takes part in \
      the election. The guard removes the manifest when the child dies or stands still, and starts it \
      again; without its guard, the child removes the manifest, releases the lock and ends.

      EXAMPLE:
        elector --etcd-servers=http://127.0.0.1:2379 --key=scheduler \\
          --source-file=/srv/kubernetes/kube-scheduler.yaml \\
          --dest-file=/etc/kubernetes/manifests/kube-scheduler.yaml
      """,
    subcommands: [Clean.self])

  @Option(help: ArgumentHelp("etcd's URLs, with commas in between.", valueName: "url,..."))
  var etcdServers: String

  @Option(help: "The lock's name; it becomes /v2/keys/<key>.")
  var key: String

  @Option(help: "What the lock holds while we are the master. (default: the host's name)")
  var whoami: String = ""

  @Option(help: ArgumentHelp("The lease's time to live in seconds.", valueName: "seconds"))
  var ttlSecs: Int64 = 30

  @Option(
    help: ArgumentHelp("The pause between two rounds: 5s, 500ms, 1m30s.", valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var sleep = GoDuration(.seconds(5))

  @Option(help: ArgumentHelp("The manifest to copy.", valueName: "file"))
  var sourceFile: String

  @Option(
    help: ArgumentHelp(
      "Where to copy it to, normally inside the kubelet's directory.", valueName: "file"))
  var destFile: String

  @Option(
    help: ArgumentHelp(
      """
      The node's kubelet, for example http://127.0.0.1:10250. With it, a stop waits until the pod has \
      ended before it releases the lock.
      """, valueName: "url"))
  var kubelet: String?

  @Option(
    name: .customLong("guard"),
    help: ArgumentHelp("Run a guard, which owns the manifest.", valueName: "true|false"))
  var isGuarded: GoBool = true

  /// How a guard tells its child what it is: the number of an open socket.
  @Option(name: .customLong("guard-descriptor"), help: .private)
  var guardDescriptor: Int32?

  @Option(name: .customLong("v"), help: "How much to log: 0 to 4.")
  var verbosity: Int = 0

  func validate() throws {
    _ = try self.endpoints()
    _ = try self.timing()
    for (flag, value) in [
      ("key", self.key), ("source-file", self.sourceFile), ("dest-file", self.destFile),
    ] where value.split(separator: "/").isEmpty {
      throw ValidationError("--\(flag) must not be empty")
    }
    if let kubelet, (try? EtcdEndpoint(kubelet)) == nil {
      throw ValidationError("--kubelet must be like http://127.0.0.1:10250, not \"\(kubelet)\"")
    }
  }

  private func endpoints() throws -> [EtcdEndpoint] {
    do { return try EtcdEndpoint.list(self.etcdServers) } catch {
      throw ValidationError("--etcd-servers: \(error)")
    }
  }

  private func timing() throws -> Timing {
    do { return try Timing(ttlSeconds: self.ttlSecs, sleep: self.sleep.duration) } catch {
      throw ValidationError("\(error)")
    }
  }

  func run() async throws {
    self.setUpLog()
    let logger = Logger(label: "elector")
    let name = self.whoami.isEmpty ? Self.hostName() : self.whoami
    if self.whoami.isEmpty { logger.info("--whoami is empty, defaulting to \(name)") }
    let timing = try self.timing()
    let guardLink = try await self.guardLink(timing: timing)
    do {
      try await EtcdClient.with(endpoints: self.endpoints()) { client in
        let service = ElectionService(
          name: name, timing: timing,
          store: EtcdLeaseStore(client: client, key: self.key, name: name, timing: timing),
          manifest: ManifestFile(source: self.sourceFile, destination: self.destFile),
          kubeletURL: try self.kubelet.map { try EtcdEndpoint($0).url },
          guardLink: guardLink, logger: logger)
        try await ServiceGroup(
          configuration: .init(
            services: [
              .init(
                service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup)
            ], gracefulShutdownSignals: [.sigterm, .sigint, .sighup],
            logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
        ).run()
      }
    } catch let error as ElectionServiceError {
      logger.error("\(error)")
      throw ExitCode(1)
    }
  }

  /// As the kernel knows this machine.
  private static func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
