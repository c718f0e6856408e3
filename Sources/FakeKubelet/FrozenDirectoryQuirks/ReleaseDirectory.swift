import Glibc
import Linux
import Logging

/// Watches the manifest directory as a release of the real kubelet does.
///
/// It watches the directory that it found first; only lists see a directory that takes its place. (Here that
/// also holds for a directory that is renamed away and back, which the real kubelet's watch survives.) An
/// event on a FIFO blocks it for good.
struct ReleaseDirectory: Sendable {
  let path: String
  let version: KubeletVersion
  /// The period of lists, counted from the start.
  let checkFrequency: Duration
  let logger: Logger

  /// More than the kernel's own limit (16,384), so that only the kernel loses events.
  private static let capacity = 1 << 16

  private enum Nudge: Sendable {
    case list
    case event(DirectoryEvent)
  }

  /// Runs until the task is cancelled.
  /// - Parameters:
  ///   - list: called with each list, the first one at once.
  ///   - change: called with each change of a file.
  func watch(
    list: (DirectoryListing) -> Void, change: (String, ReleaseScanner.FileChange) -> Void
  ) async {
    // Bounded by the watch's own buffer and one list per period.
    let (nudges, nudge) = AsyncStream.makeStream(of: Nudge.self)
    await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      // The watch starts before the list, so that no change is missed between. (The real kubelet misses such
      // changes until the next list.)
      let first = self.events()
      nudge.yield(.list)
      if self.version.watch != .everything {
        group.addTask {
          while (try? await Task.sleep(for: self.checkFrequency)) != nil { nudge.yield(.list) }
        }
      }
      if self.version.watch != .none {
        group.addTask {
          var events = first
          while events == nil {
            guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
            events = self.events()
            nudge.yield(.list)
          }
          if let events { for await event in events { nudge.yield(.event(event)) } }
        }
      }
      for await nudge in nudges {
        guard !Task.isCancelled else { return }
        switch nudge {
        case .list:
          let path = self.path
          list(await BlockingWork.run { DirectoryReading.listing(of: path) })
        case .event(let event):
          guard let name = event.name, let content = await self.change(event, name) else {
            continue
          }
          change(name, content)
        }
      }
    }
  }

  /// `nil` when there is no directory, and for a release that does not watch.
  private func events() -> AsyncStream<DirectoryEvent>? {
    guard self.version.watch != .none else { return nil }
    return try? DirectoryWatch.events(of: self.path, holding: Self.capacity)
  }

  /// The change of a file; `nil` for an event that the release ignores.
  private func change(_ event: DirectoryEvent, _ name: String) async -> ReleaseScanner.FileChange? {
    if name.hasPrefix("."), self.version.watch == .visibleFiles { return nil }
    switch event.kind {
    case .vanished: return .removed
    case .overflow, .gone: return nil
    case .appeared, .movedIn, .modified: break
    }
    let path = "\(self.path)/\(name)"
    let (isPipe, entry) = await BlockingWork.run { () -> (Bool, DirectoryListing.Entry?) in
      if HostFiles.isPipe(path) { return (true, nil) }
      return (false, DirectoryReading.entry(at: path))
    }
    if isPipe {
      self.logger.warning(
        "Opening a FIFO for reading: like the real kubelet, this one sees no further changes",
        metadata: ["path": "\(path)"])
      // It waits for a writer; lists wait, too.
      while (try? await Task.sleep(for: .seconds(3600))) != nil {}
    }
    return .written(entry ?? .unreadable(reason: "no such file or directory"))
  }
}
