// Dispatch's objects may be used from any thread; on Linux the overlay does not say so yet.
@preconcurrency import Dispatch
import Glibc

/// Tells that something changed in a directory, by inotify.
///
/// It says what happened to which name and decides nothing: a reader that only wants to know *that*
/// something changed looks again at the whole directory. The directory itself may be removed, which
/// ends the sequence after ``DirectoryEvent/Kind/gone``; the caller opens it anew when it is back.
///
/// Source: inotify(7).
package enum DirectoryWatch {
  /// Starts to watch. Every change after the return is reported.
  ///
  /// The sequence holds at most `capacity` unread events; what comes beyond drops the oldest, so that a
  /// reader that looks at the whole directory on any event still misses nothing.
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
    // Only here is the descriptor closed: no handler runs once the source is cancelled.
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
  /// What happened.
  package enum Kind: Equatable, Sendable {
    /// A name appeared by creation; what it holds may be yet to come.
    case appeared
    /// A name appeared by a move into the directory, with all that it holds.
    case movedIn
    /// Content or attributes changed.
    case modified
    /// A name vanished, by removal or by a move out of the directory.
    case vanished
    /// The kernel dropped events: look at everything.
    case overflow
    /// The directory itself was removed or moved away; nothing more follows.
    case gone

    package init?(mask: Int32) {
      func has(_ bits: Int...) -> Bool {
        bits.contains { mask & Int32(truncatingIfNeeded: $0) != 0 }
      }
      if has(Int(IN_Q_OVERFLOW)) {
        self = .overflow
      } else if has(Int(IN_DELETE_SELF), Int(IN_MOVE_SELF)) {
        self = .gone
      } else if has(Int(IN_CREATE)) {
        self = .appeared
      } else if has(Int(IN_MOVED_TO)) {
        self = .movedIn
      } else if has(Int(IN_DELETE), Int(IN_MOVED_FROM)) {
        self = .vanished
      } else if has(Int(IN_MODIFY), Int(IN_ATTRIB), Int(IN_CLOSE_WRITE)) {
        self = .modified
      } else {
        return nil
      }
    }
  }

  /// The entry's name inside of the directory; `nil` when the directory itself is meant.
  package let name: String?
  package let kind: Kind
}

/// A directory could not be watched.
package struct DirectoryWatchError: Error, Equatable, CustomStringConvertible {
  package let path: String
  package let errno: Int32

  package var description: String {
    "cannot watch the directory \(self.path): \(String(cString: strerror(self.errno)))"
  }
}
