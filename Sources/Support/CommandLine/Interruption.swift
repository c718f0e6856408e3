import Glibc

/// What ctrl-C and SIGTERM do to a program that computes and has nothing to bring down: it ends at once by the
/// signal, as by itself, but without a bar on the terminal or a file that is half written.
///
/// The kernel gives the signal to the main thread, which does the work: it makes no new file meanwhile.
package enum Interruption {
  // Unsafe for the compiler alone: both are set once, before the handlers are, and from then on they are only read.
  private nonisolated(unsafe) static var files: [UnsafeMutablePointer<CChar>] = []
  // The same proof.
  private nonisolated(unsafe) static var clearsLine = false

  private static let ignored = unsafeBitCast(SIG_IGN, to: Int.self)

  /// Call it once, at the begin of the command.
  /// - Parameter unfinished: files that have no meaning until the program has ended; they are removed.
  package static func endsAtOnce(removing unfinished: [String] = []) {
    self.files = unfinished.compactMap { strdup($0) }
    self.clearsLine = Terminal.errors.canRewrite
    // A reader that has gone ends nothing midway.
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let former = signal(number) { number in
        // Only calls that a signal's handler may make.
        if Interruption.clearsLine { _ = write(STDERR_FILENO, "\r\u{1B}[K", 4) }
        for index in 0..<Interruption.files.count { unlink(Interruption.files[index]) }
        signal(number, SIG_DFL)
        raise(number)
      }
      // What `nohup`, or a shell for what runs in the background, has switched off stays so.
      if former.map({ unsafeBitCast($0, to: Int.self) }) == self.ignored { signal(number, SIG_IGN) }
    }
  }
}
