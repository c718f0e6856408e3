import CommandLine
import Elector
import Logging

extension ElectionOptions {
  /// How long a takeover takes, and why.
  static func log(_ timing: Timing, isGraceKnown: Bool, _ logger: Logger) {
    func text(_ duration: Duration) -> String {
      "\(GoDuration(.milliseconds(Int64((duration / .milliseconds(1)).rounded(.up)))))"
    }
    let profile = timing.profile.map(\.rawValue) ?? "none"
    let guarantee =
      timing.profile == .podmaster
      ? "two pods may run at once, for up to \(text(timing.podOutlivesLease))"
      : "never two pods at once"
    logger.info(
      "after a crash of the master another one takes over within \(text(timing.worstTakeover)); \(guarantee)",
      metadata: [
        "profile": "\(profile)", "ttl": "\(text(timing.ttl))",
        "margin": "\(text(timing.margin))", "lock_delay": "\(text(timing.lockDelay))",
        "manifest_deadline": "\(timing.manifestExpires)",
        "kubelet_detection": "\(text(timing.podStop.detection))",
        "grace": "\(text(timing.podStop.grace))\(isGraceKnown ? "" : " (assumed, no manifest)")",
      ])
  }
}
