import Glibc
import Linux
import Logging
import NIOPosix
import Synchronization

/// Looks at the manifest directory: whenever inotify reports a change, and from time to time anyway.
///
/// It reports what is there and decides nothing: that is ``ManifestScanner``'s.
/// Source: `pkg/kubelet/config/file_linux.go`.
struct ManifestDirectory: Sendable {
  let path: String
  /// From one look to the next when nothing is reported.
  let checkFrequency: Duration
  let logger: Logger

  /// While there is no directory, or none that can be watched.
  private static let retryPeriod: Duration = .seconds(1)
  /// A file that is written in place is reported when it is made and again for each write. This long
  /// we wait for more, so that a file's empty first moment is rarely seen. One that is moved in is whole.
  private static let settlingTime: Duration = .milliseconds(10)

  /// Reports each look, beginning with one at once, until the task is cancelled. The next look waits
  /// until the report is done.
  func look(_ report: (DirectoryListing) -> Void) async {
    var complaint: DirectoryWatchError?
    while !Task.isCancelled {
      // The watch comes first: what changes after the first look is then reported.
      if let identity = DirectoryIdentity(self.path) {
        do throws(DirectoryWatchError) {
          await self.look(watched: identity, try DirectoryWatch.events(of: self.path), report)
          // Another directory may be in the place of the one that was watched.
          continue
        } catch {
          if complaint != error {
            self.logger.error(
              "Unable to watch the config path, looking every second", metadata: ["err": "\(error)"]
            )
          }
          complaint = error
        }
      }
      report(await self.read().listing)
      try? await Task.sleep(for: Self.retryPeriod)
    }
  }

  /// Looks for as long as the path leads to the directory that is watched.
  private func look(
    watched: DirectoryIdentity, _ events: AsyncStream<DirectoryEvent>,
    _ report: (DirectoryListing) -> Void
  ) async {
    // One is enough: a look sees everything.
    let (nudges, nudge) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let unrest = Unrest()
    await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      nudge.yield()
      group.addTask {
        for await event in events where !(event.name ?? "").hasPrefix(".") {
          switch event.kind {
          case .appeared, .modified: unrest.isThere.store(true, ordering: .relaxed)
          case .movedIn, .vanished, .overflow, .gone: break
          }
          nudge.yield()
        }
        // It has gone, even if another directory with the same inode number is in its place.
        nudge.finish()
      }
      group.addTask {
        while (try? await Task.sleep(for: self.checkFrequency)) != nil { nudge.yield() }
      }
      for await _ in nudges {
        if unrest.isThere.exchange(false, ordering: .relaxed) {
          try? await Task.sleep(for: Self.settlingTime)
        }
        let (identity, listing) = await self.read()
        guard !Task.isCancelled else { return }
        report(listing)
        guard identity == watched else { return }
      }
    }
  }

  /// Reading blocks, so a thread outside of Swift's pool does it.
  private func read() async -> (identity: DirectoryIdentity?, listing: DirectoryListing) {
    let path = self.path
    do {
      return try await NIOThreadPool.singleton.runIfActive {
        (DirectoryIdentity(path), DirectoryReading.listing(of: path))
      }
    } catch {
      return (nil, .missing(reason: "cannot read: \(error)"))
    }
  }
}

/// Whether a file may be about to be written to. It is set before the nudge that it belongs to.
private final class Unrest: Sendable {
  let isThere = Atomic(false)
}

/// Tells a directory from another one that takes its place.
private struct DirectoryIdentity: Equatable, Sendable {
  let device: UInt
  let inode: UInt

  /// `nil` when the path leads to no directory.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
    self.device = UInt(status.st_dev)
    self.inode = UInt(status.st_ino)
  }
}

/// Blocking reads of a directory and its files.
enum DirectoryReading {
  static func listing(of path: String) -> DirectoryListing {
    guard let directory = opendir(path) else {
      switch errno {
      case ENOENT: return .missing(reason: "path does not exist, ignoring")
      case ENOTDIR: return .missing(reason: "path is not a directory")
      default: return .missing(reason: Self.reason())
      }
    }
    defer { closedir(directory) }
    var entries: [String: DirectoryListing.Entry] = [:]
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      guard !name.hasPrefix(".") else { continue }
      entries[name] = Self.entry(at: "\(path)/\(name)")
    }
    return .entries(entries)
  }

  /// `nil` when the file has gone in the meantime.
  static func entry(at path: String) -> DirectoryListing.Entry? {
    // Without O_NONBLOCK a FIFO would hold us until somebody writes to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let reason = Self.reason()
      var status = stat()
      if lstat(path, &status) != 0, errno == ENOENT { return nil }
      return .unreadable(reason: "Could not get metadata: \(reason)")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .unreadable(reason: Self.reason()) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return Self.content(of: descriptor)
    case S_IFDIR:
      return .unreadable(
        reason: "Provided manifest path is a directory, not recursing into manifest path")
    default: return .unreadable(reason: "Manifest path is not a directory or file")
    }
  }

  /// Reads no more than is needed to see that a file is too large.
  private static func content(of descriptor: Int32) -> DirectoryListing.Entry {
    var bytes: [UInt8] = []
    let chunk = 65_536
    while bytes.count < PodManifest.maximumSize {
      let size = min(chunk, PodManifest.maximumSize - bytes.count)
      var count = 0
      bytes.append(
        contentsOf: [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
          count = Glibc.read(descriptor, buffer.baseAddress, size)
          initialized = max(0, count)
        })
      if count < 0 {
        if errno == EINTR { continue }
        return .unreadable(reason: Self.reason())
      }
      if count == 0 { break }
    }
    return .content(bytes)
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
