/// What is known of one process of a cluster, and what is wanted of it.
package struct ManagedProcess {
  package let name: ProcessName
  /// The program's name, as in ``Executables``, or a path.
  package let executable: String
  package var arguments: [String]
  /// What it has besides our own environment.
  package var environment: [String: String] = [:]
  package let log: String

  /// Whether it is to run: started again when it ends.
  package var isWanted = false
  /// Whether a task looks after it; until that has ended, no other one is begun.
  package var isSupervised = false
  /// `nil` while it does not run.
  package var identity: ProcessIdentity?
  package var isPaused = false
  /// How often it was started again since it was last wanted.
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
    case .signal(let number): "was ended by signal \(number)"
    case .notStarted(let reason): "could not be started: \(reason)"
    }
  }
}
