import ArgumentParser
import Elector
import ElectorHTTP
import EtcdClient
import FoundationEssentials
import Glibc
import GoFlags
import Klog
import Logging
import ServiceLifecycle
import UnixSignals

extension Profile: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

struct ElectorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elector",
    abstract: "Holds a lease key in etcd; while it does, a manifest is in the kubelet's directory.",
    usage: """
      elector --etcd-servers <url,...> --key <key> --source-file <file> --dest-file <file> [options]
      elector clean --dest-file <file> ...
      elector status --etcd-servers <url,...> --key <key> ...
      elector step-down|pause|resume --elector <url>
      """,
    discussion: """
      Takes podmaster's flags as they are. Of all electors with the same --key one is the master: \
      it copies --source-file to --dest-file, and takes it away before its lease can end.

      Never two pods: one who takes over waits until the pod of the one before has surely ended. How \
      long that can take follows from --kubelet-detection and from the grace period in the \
      manifest (terminationGracePeriodSeconds, 30 s if it has none), and is told at the start. A short \
      grace makes takeovers short.

      On SIGTERM the manifest is removed first, then the pod's end is waited for, then the lock is \
      released.

      PROFILES:
        (none)      gives up a third of the lease before its end, waits for the rest of what an \
      earlier pod may take to end
        strict      waits also when there is no trace of an earlier term: a deleted key and a first \
      start look alike
        quick       gives up so early that nobody has to wait; refused if the lease is too short for it
        podmaster   podmaster's timing, which promises no more than that two never lead: a new pod \
      may start while the old one still stops

      It runs as two processes: a guard, which owns the manifest, and its child, which takes part in \
      the election. The guard removes the manifest when the child dies or stands still, and starts it \
      again; without its guard, the child removes the manifest, releases the lock and ends.

      EXAMPLE:
        elector --etcd-servers=http://127.0.0.1:2379 --key=scheduler \\
          --source-file=/srv/kubernetes/kube-scheduler.yaml \\
          --dest-file=/etc/kubernetes/manifests/kube-scheduler.yaml
      """,
    subcommands: [Clean.self, Status.self, StepDown.self, Pause.self, Resume.self])

  @OptionGroup var etcd: EtcdOptions

  @Option(help: "The lock's name; it becomes /v2/keys/<key>, or /<key> in the v3 API.")
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

  @OptionGroup var kubelet: KubeletOptions

  @Option(help: "strict, quick or podmaster; see above.")
  var profile: Profile?

  @Option(
    name: .customLong("guard"),
    help: ArgumentHelp("Run a guard, which owns the manifest.", valueName: "true|false"))
  var isGuarded: GoBool = true

  /// How a guard tells its child what it is: the number of an open socket.
  @Option(name: .customLong("guard-descriptor"), help: .private)
  var guardDescriptor: Int32?

  @Option(
    help: ArgumentHelp(
      "Write token, holder and key into the manifest, as annotations of the pod.",
      valueName: "true|false"))
  var annotate: GoBool = false

  @Option(
    help: ArgumentHelp(
      """
      Give each container the token in this variable: the same over a term, larger for each new \
      holder, so that who is written to can refuse an earlier one.
      """, valueName: "name"))
  var tokenEnv: String?

  @OptionGroup var status: StatusOptions

  @Option(help: ArgumentHelp("klog or json.", valueName: "format"))
  var logFormat = LogFormat.klog

  @Option(name: .customLong("v"), help: "How much to log: 0 to 4.")
  var verbosity: Int = 0

  /// The boolean flags.
  static let switches = KubeletOptions.switches.union(["annotate", "guard"])

  func validate() throws {
    _ = try self.timing(grace: ManifestFile.grace(of: self.sourceFile))
    guard self.sleep.duration <= .seconds(self.ttlSecs) else {
      throw ValidationError(
        "--sleep \(self.sleep) is longer than the lease: use at most --ttl-secs, \(self.ttlSecs)s")
    }
    for (flag, value) in [
      ("key", self.key), ("source-file", self.sourceFile), ("dest-file", self.destFile),
    ] where value.split(separator: "/").isEmpty {
      throw ValidationError("--\(flag) must not be empty")
    }
    if let tokenEnv, !ManifestStamp.isVariableName(tokenEnv) {
      throw ValidationError("--token-env must be the name of a variable, not \"\(tokenEnv)\"")
    }
  }

  /// - Parameter grace: the manifest's, if it can be read.
  private func timing(grace: Duration? = nil) throws -> Timing {
    let podStop = PodStop(
      detection: self.kubelet.kubeletDetection.duration, grace: grace ?? PodStop.defaultGrace)
    do {
      return try Timing(
        ttlSeconds: self.ttlSecs, sleep: self.sleep.duration, profile: self.profile,
        podStop: podStop)
    } catch {
      let isAssumed = grace == nil && self.profile == .quick
      throw ValidationError(
        "\(error)" + (isAssumed ? " (\(self.sourceFile) cannot be read: its grace is assumed)" : "")
      )
    }
  }

  /// How long a takeover takes is what an operator wants to know, and what it follows from.
  private static func tell(_ timing: Timing, isGraceKnown: Bool, _ logger: Logger) {
    func inWords(_ duration: Duration) -> String {
      "\(GoDuration(.milliseconds(Int64((duration / .milliseconds(1)).rounded(.up)))))"
    }
    let profile = timing.profile.map(\.rawValue) ?? "none"
    let promise =
      timing.profile == .podmaster
      ? "two pods may run at once, for up to \(inWords(timing.podOutlivesLease))"
      : "never two pods at once"
    logger.info(
      "after a crash of the master another one takes over within \(inWords(timing.worstTakeover)); \(promise)",
      metadata: [
        "profile": "\(profile)", "ttl": "\(inWords(timing.ttl))",
        "margin": "\(inWords(timing.margin))", "lock_delay": "\(inWords(timing.lockDelay))",
        "kubelet_detection": "\(inWords(timing.podStop.detection))",
        "grace": "\(inWords(timing.podStop.grace))\(isGraceKnown ? "" : " (assumed, no manifest)")",
      ])
  }

  /// The kernel's, which no other boot of any machine has; empty if there is none.
  private static func bootID() -> String {
    let path = "/proc/sys/kernel/random/boot_id"
    return ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").filter { !$0.isWhitespace }
  }

  func run() async throws {
    self.setUpLog()
    let logger = Logger(label: "elector")
    let name = self.whoami.isEmpty ? Self.hostName() : self.whoami
    if self.whoami.isEmpty { logger.info("--whoami is empty, defaulting to \(name)") }
    let grace = ManifestFile.grace(of: self.sourceFile)
    let timing = try self.timing(grace: grace)
    Self.tell(timing, isGraceKnown: grace != nil, logger)
    let candidate = Candidate(
      name: name, bootID: Self.bootID(),
      destination: URL(filePath: self.destFile).standardizedFileURL.path)
    let manifest = ManifestFile(
      source: self.sourceFile, destination: self.destFile,
      longestGrace: self.profile == .podmaster ? nil : timing.podStop.grace,
      stamp: self.stamp(holder: name))
    // Before anything that may fail for good, such as reading a certificate. If it cannot be removed, the
    // election says so, and tries on.
    try? manifest.remove()
    let guardLink = try await self.guardLink(timing: timing)
    do {
      let client = try self.etcd.client(
        timeout: timing.requestTimeout, attemptTimeout: timing.attemptTimeout, logger: logger)
      try await client.run { client in
        let terms = LeaseTerms(
          key: self.key, value: name, ttlSeconds: timing.ttlSeconds, timeout: timing.requestTimeout)
        let service = ElectionService(
          key: self.key, candidate: candidate, timing: timing,
          store: EtcdLeaseStore(
            key: EtcdLeasedKey(client: client, api: self.etcd.etcdApi, terms: terms), name: self.key
          ),
          manifest: manifest,
          kubelet: try self.kubelet.access(), podLimits: self.kubelet.limits,
          guardLink: guardLink, logger: logger)
        try await ServiceGroup(
          configuration: .init(
            services: try self.services(service, logger: logger),
            gracefulShutdownSignals: [.sigterm, .sigint, .sighup],
            logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
        ).run()
      }
    } catch let error as ElectionServiceError {
      logger.error("\(error)")
      throw ExitCode(1)
    } catch let error as StatusServerError {
      logger.error("\(error)")
      throw ExitCode(1)
    } catch let error as ClientTLSError {
      logger.error("\(error)")
      throw ExitCode(1)
    } catch let error as EtcdCredentialsError {
      logger.error("\(error)")
      throw ExitCode(1)
    }
  }

  private func services(
    _ election: ElectionService, logger: Logger
  ) throws -> [ServiceGroupConfiguration.ServiceConfiguration] {
    var services = [
      ServiceGroupConfiguration.ServiceConfiguration(
        service: election, successTerminationBehavior: .gracefullyShutdownGroup,
        failureTerminationBehavior: .gracefullyShutdownGroup)
    ]
    if let (host, port) = try self.status.address() {
      let server = StatusServer(board: election.board, host: host, port: port) {
        logger.info("seen at \($0)")
      }
      services.append(
        .init(
          service: server, successTerminationBehavior: .ignore,
          failureTerminationBehavior: .gracefullyShutdownGroup))
    }
    return services
  }

  /// `nil` leaves the manifest as it is.
  private func stamp(holder: String) -> ManifestStamp? {
    guard self.annotate.isTrue || self.tokenEnv != nil else { return nil }
    return ManifestStamp(
      key: self.key, holder: holder, annotates: self.annotate.isTrue, tokenVariable: self.tokenEnv)
  }

  /// As the kernel knows this machine.
  private static func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
