import CommandLine
import Elector
import EtcdClient
import KubernetesClient
import Logging
import ServiceLifecycle

/// One election, before its services are made.
struct ElectionSetup: Sendable {
  let options: ElectionOptions
  private(set) var timing: Timing
  private let isGraceKnown: Bool
  let manifest: ManifestFile
  private let logger: Logger

  /// - Parameter isAlone: whether log lines need no `key`.
  init(_ options: ElectionOptions, isAlone: Bool) throws {
    self.options = options
    var logger = Logger(label: "elector")
    if !isAlone { logger[metadataKey: "key"] = "\(options.key)" }
    self.logger = logger
    if options.whoami.isEmpty { logger.info("--whoami is empty, defaulting to \(options.name)") }
    let grace = ManifestFile.grace(of: options.sourceFile)
    self.timing = try options.timing(grace: grace)
    self.isGraceKnown = grace != nil
    self.manifest = options.manifest(self.timing)
  }

  /// The store may end leases early by so much. Says how long a takeover takes.
  mutating func count(clockSkew: Duration) {
    self.timing = self.timing.counting(clockSkew: clockSkew)
    ElectionOptions.log(self.timing, isGraceKnown: self.isGraceKnown, self.logger)
  }

  struct Services: Sendable {
    let election: ElectionService
    /// Their failures do not concern the election.
    let beside: [any Service]
  }

  func services(
    _ client: EtcdClient, api: EtcdAPI, guarded: GuardedManifest, apiserver: APIServer?
  ) throws -> Services {
    let options = LeaseOptions(
      key: self.options.key, value: self.options.name, ttlSeconds: self.timing.ttlSeconds,
      timeout: self.timing.requestTimeout)
    let key = EtcdLeasedKey(client: client, api: api, options: options)
    let candidate = self.options.candidate
    let election = ElectionService(
      key: self.options.key, candidate: candidate, timing: self.timing,
      store: EtcdLeaseStore(key: key, name: self.options.key),
      manifest: self.manifest, kubelet: try self.options.kubelet.access(),
      podLimits: self.options.kubelet.limits, guarded: guarded,
      logger: self.logger)
    let preemption = PreemptionService(
      key: key, name: self.options.key, board: election.board,
      own: Bid(
        candidate: candidate, priority: self.options.priority, period: self.timing.sleep),
      delay: self.options.preemptionDelay.duration, logger: self.logger)
    let lease = self.options.leaseName.map { LeaseName($0) } ?? LeaseName(ofKey: self.options.key)
    guard let apiserver, let lease else {
      return Services(election: election, beside: [preemption])
    }
    let publisher = LeasePublisher(
      server: apiserver, name: lease, board: election.board, logger: self.logger)
    return Services(election: election, beside: [preemption, publisher])
  }
}

/// All elections at once. A `ServiceGroup` would stop them one after the other, each with a wait for a
/// pod's end.
struct AllElections: Service {
  let all: [ElectionSetup.Services]

  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { others in
      for service in self.all.flatMap(\.beside) {
        others.addTask { try await service.run() }
      }
      let failures = await withTaskGroup(of: (any Error)?.self) { group in
        for (index, election) in self.all.map(\.election).enumerated() {
          group.addTask {
            do {
              // A thousand elections that start at one instant would send their requests together ever after.
              try? await Task.sleep(for: .milliseconds(index))
              try await election.run()
              return nil
            } catch {
              return error
            }
          }
        }
        var failures: [any Error] = []
        // All have to end, also after a failure of one.
        for await failure in group { if let failure { failures.append(failure) } }
        return failures
      }
      others.cancelAll()
      if let failure = failures.first { throw failure }
    }
  }
}

extension ElectionOptions {
  /// How long a takeover takes, and why.
  static func log(_ timing: Timing, isGraceKnown: Bool, _ logger: Logger) {
    func text(_ duration: Duration) -> String {
      "\(GoDuration(.milliseconds(Int64((duration / .milliseconds(1)).rounded(.up)))))"
    }
    let profile = timing.profile.map(\.rawValue) ?? "none"
    let guarantee =
      timing.profile == .podmaster
      ? "two pods may run at once, for up to \(text(timing.podOutlivesLease()))"
      : "never two pods at once"
    let settled =
      timing.settledTakeover == timing.worstTakeover
      ? ""
      : " (\(text(timing.settledTakeover)) once its containers have run unchanged for \(text(PodStop.youth)))"
    logger.info(
      "after a crash of the master another one takes over within \(text(timing.worstTakeover))\(settled); \(guarantee)",
      metadata: [
        "profile": "\(profile)", "ttl": "\(text(timing.ttl))",
        "margin": "\(text(timing.margin))", "lock_delay": "\(text(timing.lockDelay))",
        "manifest_deadline": "\(timing.manifestExpires)",
        "etcd_clock_skew": "\(text(timing.clockSkew))",
        "kubelet_detection": "\(text(timing.podStop.detection))",
        "kubelet_young_detection": "\(text(timing.podStop.youngDetection))",
        "grace": "\(text(timing.podStop.grace))\(isGraceKnown ? "" : " (assumed, no manifest)")",
      ])
  }
}
