import Foundation
import Glibc

extension Process {
  /// Waits until the kernel has reaped the process. `waitUntilExit` turns the calling thread's run loop, and
  /// on a thread of the pool it did so for ever.
  func awaitEnd() {
    let path = "/proc/\(self.processIdentifier)/stat"
    while let stat = try? String(contentsOfFile: path, encoding: .utf8),
      let state = stat.split(separator: ")").last?.split(separator: " ").first, state != "Z"
    {
      usleep(2_000)
    }
  }
}
