import ArgumentParser
import CommandLine
import Elector
import FoundationEssentials
import Glibc

/// The flags of one election; a process may take part in several.
struct ElectionOptions: ParsableArguments {
  @Option(help: "The lock's name; it becomes /v2/keys/<key>, or /<key> in the v3 API.")
  var key: String

  @Option(help: "The lock's value while this elector holds it. (default: the host's name)")
  var whoami: String = ""

  @Option(help: ArgumentHelp("The lease's time to live.", valueName: "seconds"))
  var ttlSecs: Int64 = 30

  @Option(
    help: ArgumentHelp(
      "The pause between two rounds, for example 500ms or 1m30s. (default: 5s)",
      valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var sleep = GoDuration(.seconds(5))

  @Option(help: ArgumentHelp("The manifest to copy.", valueName: "file"))
  var sourceFile: String

  @Option(
    help: ArgumentHelp(
      "The copy's place, normally in the kubelet's directory.", valueName: "file"))
  var destFile: String

  @Option(
    help: ArgumentHelp(
      "When the source is deleted: keep the installed copy, or release the lock.",
      valueName: "keep|release"))
  var sourceMissing = ManifestFile.SourceMissing.keep

  @OptionGroup var kubelet: KubeletOptions

  @Option(help: "strict or podmaster; see above.", transform: { try Profile(flag: $0) })
  var profile: Profile?

  @Option(
    help: ArgumentHelp(
      "Annotate the pod in the manifest with token, holder and key.",
      valueName: "true|false"))
  var annotate: GoBool = false

  @Option(
    help: ArgumentHelp(
      """
      The environment variable in which each container gets the token: constant over a term and larger \
      for each new holder, so that a server can refuse requests with an earlier one.
      """, valueName: "name"))
  var tokenEnv: String?

  @Option(
    help: ArgumentHelp(
      """
      Write a deadline into the manifest, and a later one at each renewal, so that the kubelet \
      ends the pod when elector and guard are dead. (default: false; true with --profile strict)
      """, valueName: "true|false"))
  var manifestDeadline: GoBool?

  @Option(
    help: ArgumentHelp(
      """
      An elector with a larger number asks a master with a smaller one to hand over; with 0 it never \
      asks.
      """, valueName: "number"))
  var priority: Int = 0

  @Option(
    help: ArgumentHelp(
      "How long an elector with a larger priority follows before it asks. (default: 30s)",
      valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var preemptionDelay = GoDuration(.seconds(30))

  @Option(
    help: ArgumentHelp(
      """
      The Lease that --apiserver shows. (default: kube-system/elector-<key>)
      """, valueName: "namespace/name"))
  var leaseName: String?

  /// The names of the boolean flags.
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
      throw ValidationError("--priority must not be negative, but is \(self.priority)")
    }
    guard self.preemptionDelay.duration >= .zero else {
      throw ValidationError(
        "--preemption-delay must not be negative, but is \(self.preemptionDelay)")
    }
    if let leaseName, LeaseName(leaseName) == nil {
      throw ValidationError(
        "--lease-name must be like kube-system/elector-scheduler, not \"\(leaseName)\"")
    }
    if let tokenEnv, !ManifestStamp.isVariableName(tokenEnv) {
      throw ValidationError("--token-env must be a variable's name, not \"\(tokenEnv)\"")
    }
  }

  /// - Parameter grace: the manifest's, if it can be read.
  func timing(grace: Duration? = nil) throws -> Timing {
    let podStop = PodStop(
      detection: self.kubelet.kubeletDetection.duration,
      youngDetection: self.kubelet.kubeletYoungDetection?.duration,
      grace: grace ?? PodStop.defaultGrace)
    do {
      return try Timing(
        ttlSeconds: self.ttlSecs, sleep: self.sleep.duration, profile: self.profile,
        podStop: podStop,
        manifestExpires: self.manifestDeadline?.isTrue ?? (self.profile == .strict))
    } catch {
      throw ValidationError("\(error)")
    }
  }

  /// The lock's value while we hold it.
  var name: String { self.whoami.isEmpty ? Host.name : self.whoami }

  var candidate: Candidate {
    Candidate(name: self.name, bootID: Host.bootID, destination: self.standardizedDestination)
  }

  /// The same for two spellings of one path.
  var standardizedDestination: String { URL(filePath: self.destFile).standardizedFileURL.path }

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
}

/// This machine's name and boot.
enum Host {
  static let name: String = {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()

  /// Different for each boot of each machine; empty without one. Source: random(4).
  static let bootID: String = {
    let path = "/proc/sys/kernel/random/boot_id"
    return ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").filter { !$0.isWhitespace }
  }()
}
