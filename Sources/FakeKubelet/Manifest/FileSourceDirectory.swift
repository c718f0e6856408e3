import Glibc
import Linux
import Logging

/// Looks at the manifest directory as the real kubelet does.
///
/// It watches the directory that it found first: one that takes its place is seen by lists alone. (So is, here,
/// one that is renamed away and back, which the real one's watch survives.) An event on a FIFO
/// holds it for good.
struct FileSourceDirectory: Sendable {
  let path: String
  let version: KubeletVersion
  /// From list to list, counted from the start.
  let checkFrequency: Duration
  let logger: Logger

  /// More than the kernel itself holds (16,384): no event is lost but by it.
  private static let capacity = 1 << 16

  private enum Nudge: Sendable {
    case list
    case event(DirectoryEvent)
  }

  /// Until the task is cancelled.
  /// - Parameters:
  ///   - list: called with each list, beginning with one at once.
  ///   - change: called with what happened to a file.
  func look(
    list: (DirectoryListing) -> Void, change: (String, FileSource.Change) -> Void
  ) async {
    // Bounded by what the watch itself holds, and one list per period.
    let (nudges, nudge) = AsyncStream.makeStream(of: Nudge.self)
    await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      // The watch before the list, so that no change falls between. (The real one's do, until the next list.)
      let first = self.watch()
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
            events = self.watch()
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
          guard let name = event.name, let seen = await self.change(event, name) else { continue }
          change(name, seen)
        }
      }
    }
  }

  /// `nil` where there is nothing to watch, or no watch is wanted.
  private func watch() -> AsyncStream<DirectoryEvent>? {
    guard self.version.watch != .none else { return nil }
    return try? DirectoryWatch.events(of: self.path, holding: Self.capacity)
  }

  /// What an event means; `nil` for nothing.
  private func change(_ event: DirectoryEvent, _ name: String) async -> FileSource.Change? {
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
        "Opening a FIFO for reading: the real kubelet looks at nothing else from here on",
        metadata: ["path": "\(path)"])
      // It waits for a writer, lists included.
      while (try? await Task.sleep(for: .seconds(3600))) != nil {}
    }
    return .written(entry ?? .unreadable(reason: "no such file or directory"))
  }
}
