import FoundationEssentials
import Glibc

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
