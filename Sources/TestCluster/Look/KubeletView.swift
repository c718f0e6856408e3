import FoundationEssentials
import Glibc

/// What a kubelet says of its pods.
package struct KubeletView: Sendable {
  /// One line for each pod; one that only the runtime still has is `Terminating`.
  package var rows: [PodRow]
  /// The names of the pods that the runtime runs.
  package var running: Set<String>

  /// `nil` when it does not answer.
  package init?(_ url: String, _ requests: Requests) async {
    do {
      // In this order: a pod that starts in between is one more in `/pods`, and does not look as if it
      // had gone from there.
      let runtime = try await requests.json(PodList.self, from: "\(url)/runningpods/").items ?? []
      let pods = try await requests.json(PodList.self, from: "\(url)/pods").items ?? []
      let names = Set(pods.map(\.metadata.name))
      let now = Date()
      self.running = Set(runtime.map(\.metadata.name))
      self.rows =
        pods.map { PodRow($0, now: now) }
        + runtime.filter { !names.contains($0.metadata.name) }.map(PodRow.init(ending:))
    } catch {
      return nil
    }
  }
}

/// Which file it is that a path leads to: another one under the same name is another one.
package struct FileIdentity: Equatable, Sendable {
  private var inode: UInt
  private var seconds: Int
  private var nanoseconds: Int

  /// `nil` when there is none.
  package init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.inode = UInt(status.st_ino)
    self.seconds = status.st_ctim.tv_sec
    self.nanoseconds = status.st_ctim.tv_nsec
  }
}
