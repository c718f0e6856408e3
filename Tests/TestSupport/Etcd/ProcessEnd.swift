import Foundation
import Glibc

extension Process {
  /// Waits until the process is gone, by the kernel's word. `waitUntilExit` turns the calling thread's run
  /// loop instead, and on a thread of the pool it was seen to turn it for ever.
  func awaitEnd() {
    let path = "/proc/\(self.processIdentifier)/stat"
    while let stat = try? String(contentsOfFile: path, encoding: .utf8),
      let state = stat.split(separator: ")").last?.split(separator: " ").first, state != "Z"
    {
      usleep(2_000)
    }
  }
}
