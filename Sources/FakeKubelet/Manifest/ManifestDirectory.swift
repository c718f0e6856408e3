import Glibc
import Linux
import Logging
import Synchronization

/// Lists the manifest directory whenever inotify reports a change, and periodically.
///
/// It decides nothing; ``ManifestScanner`` does.
/// Source: `pkg/kubelet/config/file_linux.go`.
struct ManifestDirectory: Sendable {
  let path: String
  /// The period of lists without a reported change.
  let checkFrequency: Duration
  let logger: Logger

  /// The period while the directory is missing or cannot be watched.
  private static let retryPeriod: Duration = .seconds(1)
  /// A file that is written in place is reported at its creation and at each write. This pause makes an
  /// empty file rare. A file that is moved in is complete at once.
  private static let settlingTime: Duration = .milliseconds(10)

  /// Reports lists until the task is cancelled, the first one at once. The next list waits for the report's
  /// return.
  func watch(_ report: (DirectoryListing) -> Void) async {
    var logged: DirectoryWatchError?
    while !Task.isCancelled {
      // The watch starts before the first list, so that no change is missed between.
      if let identity = DirectoryIdentity(self.path) {
        do throws(DirectoryWatchError) {
          await self.list(watched: identity, try DirectoryWatch.events(of: self.path), report)
          // Another directory may have taken the watched directory's place.
          continue
        } catch {
          if logged != error {
            self.logger.error(
              "Unable to watch the config path, looking every second", metadata: ["err": "\(error)"]
            )
          }
          logged = error
        }
      }
      report(await self.read().listing)
      try? await Task.sleep(for: Self.retryPeriod)
    }
  }

  /// Reports lists while the path leads to the watched directory.
  private func list(
    watched: DirectoryIdentity, _ events: AsyncStream<DirectoryEvent>,
    _ report: (DirectoryListing) -> Void
  ) async {
    // One pending nudge is enough: a list covers all changes.
    let (nudges, nudge) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let pending = PendingWrite()
    await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      nudge.yield()
      group.addTask {
        for await event in events where !(event.name ?? "").hasPrefix(".") {
          switch event.kind {
          case .appeared, .modified: pending.isSet.store(true, ordering: .relaxed)
          case .movedIn, .vanished, .overflow, .gone: break
          }
          nudge.yield()
        }
        // The directory is gone, even if a new one has the same inode number.
        nudge.finish()
      }
      group.addTask {
        while (try? await Task.sleep(for: self.checkFrequency)) != nil { nudge.yield() }
      }
      for await _ in nudges {
        if pending.isSet.exchange(false, ordering: .relaxed) {
          try? await Task.sleep(for: Self.settlingTime)
        }
        let (identity, listing) = await self.read()
        guard !Task.isCancelled else { return }
        report(listing)
        guard identity == watched else { return }
      }
    }
  }

  private func read() async -> (identity: DirectoryIdentity?, listing: DirectoryListing) {
    let path = self.path
    return await BlockingWork.run { (DirectoryIdentity(path), DirectoryReading.listing(of: path)) }
  }
}

/// Whether a file may be written right now. It is set before its nudge.
private final class PendingWrite: Sendable {
  let isSet = Atomic(false)
}

/// Distinguishes a directory from another one in its place.
private struct DirectoryIdentity: Equatable, Sendable {
  let device: UInt
  let inode: UInt

  /// `nil` when there is no directory.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
    self.device = UInt(status.st_dev)
    self.inode = UInt(status.st_ino)
  }
}
