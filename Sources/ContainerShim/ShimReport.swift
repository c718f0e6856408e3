/// What a shim tells the kubelet about its container, one line each, on every connection from the start.
public enum ShimReport: Equatable, Sendable {
  /// The command runs, as this process on the host.
  case started(process: Int32)
  /// The command has ended; 128 plus the signal's number when a signal ended it.
  case exited(code: Int32)
  /// The command could not be started; why.
  case failed(String)

  public var line: String {
    switch self {
    case .started(let process): "started \(process)\n"
    case .exited(let code): "exited \(code)\n"
    case .failed(let reason): "failed \(reason)\n"
    }
  }

  /// - Parameter line: without its end; `nil` when it is none of the lines above.
  public init?(line: String) {
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

/// What the kubelet tells a shim; one line each.
public enum ShimOrder: String, Sendable {
  /// SIGTERM to the container's first process.
  case terminate
  /// SIGKILL, which ends all of its processes.
  case kill

  public var line: String { "\(self.rawValue)\n" }
}

/// What becomes of a container when its kubelet is gone.
public enum ShimPolicy: String, Sendable {
  case endsWithKubelet
  case outlivesKubelet
}
