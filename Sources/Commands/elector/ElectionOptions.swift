import ArgumentParser
import CommandLine
import Elector
import FoundationEssentials
import Glibc
import Logging

/// What belongs to one election; a process may take part in several.
struct ElectionOptions: ParsableArguments {
  @Option(help: "The lock's name; it becomes /v2/keys/<key>, or /<key> in the v3 API.")
  var key: String

  @Option(help: "What the lock holds while we are the master. (default: the host's name)")
  var whoami: String = ""

  @Option(help: ArgumentHelp("The lease's time to live in seconds.", valueName: "seconds"))
  var ttlSecs: Int64 = 30

  @Option(
    help: ArgumentHelp(
      "The pause between two rounds: 500ms, 1m30s. (default: 5s)", valueName: "duration"),
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
      "When somebody deletes the source: keep what is installed, or release the lock.",
      valueName: "keep|release"))
  var sourceMissing = ManifestFile.SourceMissing.keep

  @OptionGroup var kubelet: KubeletOptions

  @Option(help: "strict or podmaster; see above.", transform: { try Profile(flag: $0) })
  var profile: Profile?

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

  @Option(
    help: ArgumentHelp(
      """
      Write a deadline into the manifest, and a later one with each renewal, so that the kubelet itself \
      ends the pod when elector and guard are gone. (default: false; true with --profile strict)
      """, valueName: "true|false"))
  var manifestDeadline: GoBool?

  @Option(
    help: ArgumentHelp(
      """
      Whom people want to be the master: one with a larger number asks one with a smaller one to hand \
      over, and with 0 nobody is asked.
      """, valueName: "number"))
  var priority: Int = 0

  @Option(
    help: ArgumentHelp(
      "How long one with a larger priority follows before it asks. (default: 30s)",
      valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var preemptionDelay = GoDuration(.seconds(30))

  @Option(
    help: ArgumentHelp(
      """
      What the lock is called where --apiserver shows it. (default: kube-system/elector-<key>)
      """, valueName: "namespace/name"))
  var leaseName: String?

  /// The boolean flags.
  static let switches = KubeletOptions.switches.union(["annotate", "manifest-deadline"])

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
    guard self.priority >= 0 else {
      throw ValidationError("--priority must not be negative, and is \(self.priority)")
    }
    guard self.preemptionDelay.duration >= .zero else {
      throw ValidationError(
        "--preemption-delay must not be negative, and is \(self.preemptionDelay)")
    }
    if let leaseName, LeaseName(leaseName) == nil {
      throw ValidationError(
        "--lease-name must be like kube-system/elector-scheduler, not \"\(leaseName)\"")
    }
    if let tokenEnv, !ManifestStamp.isVariableName(tokenEnv) {
      throw ValidationError("--token-env must be the name of a variable, not \"\(tokenEnv)\"")
    }
  }

  /// - Parameter grace: the manifest's, if it can be read.
  func timing(grace: Duration? = nil) throws -> Timing {
    let podStop = PodStop(
      detection: self.kubelet.kubeletDetection.duration, grace: grace ?? PodStop.defaultGrace)
    do {
      return try Timing(
        ttlSeconds: self.ttlSecs, sleep: self.sleep.duration, profile: self.profile,
        podStop: podStop,
        manifestExpires: self.manifestDeadline?.isTrue ?? (self.profile == .strict))
    } catch {
      throw ValidationError("\(error)")
    }
  }

  /// What the lock holds while we have it.
  var name: String { self.whoami.isEmpty ? Self.hostName : self.whoami }

  var candidate: Candidate {
    Candidate(name: self.name, bootID: Self.bootID, destination: self.place)
  }

  /// The destination in a spelling that two for the same file share.
  var place: String { URL(filePath: self.destFile).standardizedFileURL.path }

  func manifest(_ timing: Timing) -> ManifestFile {
    ManifestFile(
      source: self.sourceFile, destination: self.destFile,
      longestGrace: self.profile == .podmaster ? nil : timing.podStop.grace, stamp: self.stamp,
      deadlineDetection: timing.manifestExpires ? timing.podStop.detection : nil,
      sourceMissing: self.sourceMissing)
  }

  /// `nil` leaves the manifest as it is.
  private var stamp: ManifestStamp? {
    guard self.annotate.isTrue || self.tokenEnv != nil else { return nil }
    return ManifestStamp(
      key: self.key, holder: self.name, annotates: self.annotate.isTrue,
      tokenVariable: self.tokenEnv)
  }

  /// How long a takeover takes is what an operator wants to know, and what it follows from.
  static func tell(_ timing: Timing, isGraceKnown: Bool, _ logger: Logger) {
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
        "manifest_deadline": "\(timing.manifestExpires)",
        "kubelet_detection": "\(inWords(timing.podStop.detection))",
        "grace": "\(inWords(timing.podStop.grace))\(isGraceKnown ? "" : " (assumed, no manifest)")",
      ])
  }

  /// The kernel's, which no other boot of any machine has; empty if there is none.
  private static let bootID: String = {
    let path = "/proc/sys/kernel/random/boot_id"
    return ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").filter { !$0.isWhitespace }
  }()

  /// As the kernel knows this machine.
  private static let hostName: String = {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()
}
