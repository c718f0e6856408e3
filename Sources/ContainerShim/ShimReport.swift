/// A report of a shim about its container, in one line. Every connection gets all reports.
package enum ShimReport: Equatable, Sendable {
  /// The command runs, as this process on the host.
  case started(process: Int32)
  /// The command has ended; 128 plus the signal's number when a signal ended it.
  case exited(code: Int32)
  /// The command could not be started; the reason.
  case failed(String)

  package var line: String {
    switch self {
    case .started(let process): "started \(process)\n"
    case .exited(let code): "exited \(code)\n"
    case .failed(let reason): "failed \(reason)\n"
    }
  }

  /// Parses a line without its end; `nil` for any other line.
  package init?(line: String) {
    let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
    switch (parts.first, parts.count > 1 ? parts[1] : "") {
    case ("started", let text):
      guard let process = Int32(text) else { return nil }
      self = .started(process: process)
    case ("exited", let text):
      guard let code = Int32(text) else { return nil }
      self = .exited(code: code)
    case ("failed", let text): self = .failed(text)
    default: return nil
    }
  }
}

/// An order of the kubelet to a shim, in one line.
package enum ShimOrder: String, Sendable {
  /// SIGTERM to the container's first process.
  case terminate
  /// SIGKILL, which ends all of its processes.
  case kill

  package var line: String { "\(self.rawValue)\n" }
}

/// Whether a container survives its kubelet.
package enum ShimPolicy: String, Sendable {
  case endsWithKubelet
  case outlivesKubelet
}
