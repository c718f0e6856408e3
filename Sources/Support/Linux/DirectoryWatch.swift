// Dispatch's objects are thread-safe; on Linux the overlay does not declare it yet.
@preconcurrency import Dispatch
import Glibc

/// The changes in a directory, by inotify.
///
/// When the directory itself is removed, the sequence ends after ``DirectoryEvent/Kind/gone``; the caller
/// watches it again when it is back.
///
/// Source: inotify(7).
package enum DirectoryWatch {
  /// Starts a watch, which reports every change after the return.
  ///
  /// Of more than `capacity` unread events the oldest are dropped: a reader that reads the whole directory at
  /// any event misses nothing.
  /// - Throws: ``DirectoryWatchError`` when the directory cannot be watched.
  package static func events(
    of path: String, holding capacity: Int = 4096
  ) throws(DirectoryWatchError) -> AsyncStream<DirectoryEvent> {
    let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    guard descriptor >= 0 else { throw DirectoryWatchError(path: path, errno: errno) }
    let mask =
      IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
      | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
    guard inotify_add_watch(descriptor, path, UInt32(mask)) >= 0 else {
      let reason = errno
      close(descriptor)
      throw DirectoryWatchError(path: path, errno: reason)
    }
    let (events, inbox) = AsyncStream.makeStream(
      of: DirectoryEvent.self, bufferingPolicy: .bufferingNewest(capacity))
    let source = DispatchSource.makeReadSource(
      fileDescriptor: descriptor, queue: DispatchQueue(label: "inotify"))
    source.setEventHandler {
      for event in Self.readAll(descriptor) {
        inbox.yield(event)
        if event.kind == .gone { inbox.finish() }
      }
    }
    // Closed only here, after the last run of a handler.
    source.setCancelHandler { close(descriptor) }
    inbox.onTermination = { _ in source.cancel() }
    source.activate()
    return events
  }

  private static func readAll(_ descriptor: Int32) -> [DirectoryEvent] {
    var result: [DirectoryEvent] = []
    withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 8) { buffer in
      while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }
        var offset = 0
        while offset < count {
          let header = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
          let start = offset + MemoryLayout<inotify_event>.size
          let name = buffer[start..<start + Int(header.len)].prefix { $0 != 0 }
          if let kind = DirectoryEvent.Kind(mask: Int32(bitPattern: header.mask)) {
            let name = name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
            result.append(DirectoryEvent(name: name, kind: kind))
          }
          offset = start + Int(header.len)
        }
      }
    }
    return result
  }
}

/// One change in a watched directory.
package struct DirectoryEvent: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// An entry was created; its content may follow.
    case appeared
    /// An entry was moved into the directory, with its content.
    case movedIn
    /// Content or attributes changed.
    case modified
    /// An entry was removed, or moved out of the directory.
    case vanished
    /// The kernel dropped events: read the whole directory.
    case overflow
    /// The directory was removed or moved; the sequence ends.
    case gone

    package init?(mask: Int32) {
      let kinds: [(bits: Int, kind: Self)] = [
        (Int(IN_Q_OVERFLOW), .overflow), (Int(IN_DELETE_SELF | IN_MOVE_SELF), .gone),
        (Int(IN_CREATE), .appeared), (Int(IN_MOVED_TO), .movedIn),
        (Int(IN_DELETE | IN_MOVED_FROM), .vanished),
        (Int(IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE), .modified),
      ]
      guard let found = kinds.first(where: { mask & Int32(truncatingIfNeeded: $0.bits) != 0 })
      else { return nil }
      self = found.kind
    }
  }

  /// The entry's name; `nil` for the directory itself.
  package let name: String?
  package let kind: Kind
}

/// The kernel cannot watch a directory.
package struct DirectoryWatchError: Error, Equatable, CustomStringConvertible {
  package let path: String
  package let errno: Int32

  package var description: String {
    "cannot watch the directory \(self.path): \(String(cString: strerror(self.errno)))"
  }
}
