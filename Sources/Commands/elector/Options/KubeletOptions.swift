import ArgumentParser
import CommandLine
import Elector
import HTTPEndpoint

/// The node's kubelet, and what the elector expects of it.
struct KubeletOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The node's kubelet, for example https://127.0.0.1:10250. The elector asks it for the pod's end, \
      so that the next leader waits no longer than necessary. (default: 127.0.0.1:10255 and 10250, once one of \
      them has listed the pod)
      """, valueName: "url"))
  var kubelet: String?

  @Option(
    help: ArgumentHelp(
      "The authorities that may sign the kubelet's certificate. (default: the system's)",
      valueName: "file"))
  var kubeletCafile: String?

  @Option(help: ArgumentHelp("The client certificate for the kubelet.", valueName: "file"))
  var kubeletCertfile: String?

  @Option(help: ArgumentHelp("Its private key.", valueName: "file"))
  var kubeletKeyfile: String?

  @Option(
    help: ArgumentHelp(
      """
      Do not verify the kubelet's certificate. Many kubelets sign their own, for another name than \
      127.0.0.1.
      """, valueName: "true|false"))
  var kubeletInsecureTls: GoBool = false

  @Option(
    help: ArgumentHelp(
      """
      The time within which the kubelet notices a change in its directory: 1s with inotify, \
      --file-check-frequency (20s) without. (default: 1s)
      """, valueName: "duration"), transform: { try GoDuration(parsing: $0) })
  var kubeletDetection = GoDuration(.seconds(1))

  @Option(
    help: ArgumentHelp(
      """
      The same for a young pod, whose containers have not run unchanged for 10s: a kubelet that is still \
      busy with its start notices later. (default: --kubelet-detection and 3s)
      """, valueName: "duration"), transform: { try GoDuration(parsing: $0) })
  var kubeletYoungDetection: GoDuration?

  @Option(
    help: ArgumentHelp(
      """
      Release the lock when the kubelet has not run the pod for this time, for example 1m; needs \
      --kubelet. (default: never)
      """, valueName: "duration"), transform: { try GoDuration(parsing: $0) })
  var startDeadline: GoDuration?

  @Option(
    help: ArgumentHelp(
      """
      Release the lock when the pod's containers have restarted more often than this in one term; needs \
      --kubelet. (default: never)
      """, valueName: "count"))
  var maxRestarts: Int?

  /// The names of the boolean flags.
  static let switches: Set<String> = ["kubelet-insecure-tls"]

  func validate() throws {
    let endpoint = self.kubelet.flatMap { try? HTTPEndpoint($0) }
    if let kubelet, endpoint == nil {
      throw ValidationError(
        "--kubelet must be like https://127.0.0.1:10250, not \"\(kubelet)\"")
    }
    let isTLS = endpoint?.isTLS == true
    if let mistake = self.tlsFiles.mistake(server: "--kubelet", isTLS: isTLS) {
      throw ValidationError(mistake)
    }
    if self.kubeletInsecureTls.isTrue {
      if !isTLS { throw ValidationError("--kubelet-insecure-tls needs https:// in --kubelet") }
      if self.kubeletCafile != nil {
        throw ValidationError("--kubelet-insecure-tls verifies nothing: drop --kubelet-cafile")
      }
    }
    for (flag, isGiven) in [
      ("--start-deadline", self.startDeadline != nil), ("--max-restarts", self.maxRestarts != nil),
    ] where isGiven && self.kubelet == nil {
      throw ValidationError("\(flag) needs --kubelet")
    }
    if let startDeadline, startDeadline.duration < .seconds(1) {
      throw ValidationError("--start-deadline must be at least 1s, not \(startDeadline)")
    }
    if let maxRestarts, maxRestarts < 0 {
      throw ValidationError("--max-restarts must not be negative, but is \(maxRestarts)")
    }
  }

  /// The files that were given, with their flags.
  var files: [(flag: String, path: String)] {
    [
      ("kubelet-cafile", self.kubeletCafile), ("kubelet-certfile", self.kubeletCertfile),
      ("kubelet-keyfile", self.kubeletKeyfile),
    ].compactMap { flag, path in path.map { (flag, $0) } }
  }

  private var tlsFiles: ClientTLS.Files {
    ClientTLS.Files(
      caFile: self.kubeletCafile, certFile: self.kubeletCertfile, keyFile: self.kubeletKeyfile,
      flags: "--kubelet")
  }

  /// - Throws: ``ClientTLSError``, which names the flag and the file.
  func access() throws -> NodeKubelet {
    guard let kubelet else {
      // It is on this machine, and its certificate is for another name.
      return NodeKubelet(
        oneOf: NodeKubelet.usualURLs.map { Kubelet(url: $0, verifiesServer: false) })
    }
    return NodeKubelet(
      Kubelet(
        url: try HTTPEndpoint(kubelet).url, tls: try self.tlsFiles.load(),
        verifiesServer: !self.kubeletInsecureTls.isTrue))
  }

  var limits: PodLimits {
    PodLimits(startDeadline: self.startDeadline?.duration, maxRestarts: self.maxRestarts)
  }
}
