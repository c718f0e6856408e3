import ArgumentParser
import CommandLine
import Elector
import HTTPEndpoint

/// How to ask the node's kubelet, and what it has to say.
struct KubeletOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The node's kubelet, for example https://127.0.0.1:10250: it is asked whether the pod has ended, \
      so that others wait no longer than that. Without it the longest possible time is waited for.
      """, valueName: "url"))
  var kubelet: String?

  @Option(
    help: ArgumentHelp(
      "Who may sign the kubelet's certificate. (default: whom the system trusts)",
      valueName: "file"))
  var kubeletCafile: String?

  @Option(help: ArgumentHelp("Our own certificate, for the kubelet.", valueName: "file"))
  var kubeletCertfile: String?

  @Option(help: ArgumentHelp("The key to it.", valueName: "file"))
  var kubeletKeyfile: String?

  @Option(
    help: ArgumentHelp(
      """
      Do not look at the kubelet's certificate, which many sign themselves and for another name than \
      127.0.0.1.
      """, valueName: "true|false"))
  var kubeletInsecureTls: GoBool = false

  @Option(
    help: ArgumentHelp(
      """
      Within what time the kubelet notices a change of its directory: 1s with inotify, --file-check-\
      frequency (20s) without. (default: 1s)
      """, valueName: "duration"), transform: { try GoDuration(parsing: $0) })
  var kubeletDetection = GoDuration(.seconds(1))

  @Option(
    help: ArgumentHelp(
      """
      Give the lock away when the kubelet does not run the pod for so long, for example 1m; needs \
      --kubelet. (default: never)
      """, valueName: "duration"), transform: { try GoDuration(parsing: $0) })
  var startDeadline: GoDuration?

  @Option(
    help: ArgumentHelp(
      """
      Give the lock away when the pod's containers were restarted more often in one term; needs \
      --kubelet. (default: never)
      """, valueName: "count"))
  var maxRestarts: Int?

  /// The boolean ones.
  static let switches: Set<String> = ["kubelet-insecure-tls"]

  func validate() throws {
    let endpoint = self.kubelet.map { try? HTTPEndpoint($0) }
    if let kubelet, endpoint == .some(nil) {
      throw ValidationError(
        "--kubelet must be like https://127.0.0.1:10250, not \"\(kubelet)\"")
    }
    if (self.kubeletCertfile == nil) != (self.kubeletKeyfile == nil) {
      throw ValidationError("--kubelet-certfile and --kubelet-keyfile need each other")
    }
    let https = [
      ("--kubelet-cafile", self.kubeletCafile != nil),
      ("--kubelet-certfile", self.kubeletCertfile != nil),
      ("--kubelet-insecure-tls", self.kubeletInsecureTls.isTrue),
    ]
    if let flag = https.first(where: \.1)?.0, endpoint??.isTLS != true {
      throw ValidationError("\(flag) is for a --kubelet that begins with https://")
    }
    if self.kubeletInsecureTls.isTrue, self.kubeletCafile != nil {
      throw ValidationError("--kubelet-insecure-tls looks at no certificate: drop --kubelet-cafile")
    }
    for (flag, isGiven) in [
      ("--start-deadline", self.startDeadline != nil), ("--max-restarts", self.maxRestarts != nil),
    ] where isGiven && self.kubelet == nil {
      throw ValidationError("\(flag) needs --kubelet, which is asked for it")
    }
    if let startDeadline, startDeadline.duration < .seconds(1) {
      throw ValidationError("--start-deadline must be at least 1s, not \(startDeadline)")
    }
    if let maxRestarts, maxRestarts < 0 {
      throw ValidationError("--max-restarts must not be negative, and is \(maxRestarts)")
    }
  }

  /// - Throws: ``ClientTLSError`` that names the flag and the file.
  func access() throws -> Kubelet? {
    guard let kubelet else { return nil }
    let files = ClientTLS.Files(
      caFile: self.kubeletCafile, certFile: self.kubeletCertfile, keyFile: self.kubeletKeyfile,
      flags: "--kubelet")
    return Kubelet(
      url: try HTTPEndpoint(kubelet).url,
      tls: files == ClientTLS.Files(flags: "--kubelet") ? nil : try ClientTLS(files),
      verifiesServer: !self.kubeletInsecureTls.isTrue)
  }

  var limits: PodLimits {
    PodLimits(startDeadline: self.startDeadline?.duration, maxRestarts: self.maxRestarts)
  }
}
