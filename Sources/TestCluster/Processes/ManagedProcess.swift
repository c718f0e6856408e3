/// A process of a cluster: its command line, its state, and whether it is to run.
package struct ManagedProcess {
  package let name: ProcessName
  /// The program's name, as in ``Executables``, or a path.
  package let executable: String
  package var arguments: [String]
  /// Added to our own environment.
  package var environment: [String: String] = [:]
  package let log: String

  /// Whether it is to run, and is restarted when it ends.
  package var isWanted = false
  /// Whether a task supervises it; the next one begins only when that has ended.
  package var isSupervised = false
  /// `nil` while it does not run.
  package var identity: ProcessIdentity?
  package var isPaused = false
  /// Restarts since it was last launched.
  package var restarts = 0
}

/// How a process ended, in words.
package struct ProcessEnd: Equatable, CustomStringConvertible {
  package enum Cause: Equatable {
    case code(Int32)
    case signal(Int32)
    case notStarted(String)
  }

  package var cause: Cause

  package var description: String {
    switch self.cause {
    case .code(let code): "ended with exit code \(code)"
    case .signal(let number): "ended by signal \(number)"
    case .notStarted(let reason): "could not be started: \(reason)"
    }
  }
}
