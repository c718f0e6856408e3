/// What is known of one process of a cluster, and what is wanted of it.
struct ManagedProcess {
  let name: ProcessName
  /// The program's name, as in ``Executables``, or a path.
  let executable: String
  var arguments: [String]
  /// What it has besides our own environment.
  var environment: [String: String] = [:]
  let log: String

  /// Whether it is to run: started again when it ends.
  var isWanted = false
  /// Whether a task looks after it; until that has ended, no other one is begun.
  var isSupervised = false
  /// `nil` while it does not run.
  var identity: ProcessIdentity?
  var isPaused = false
  /// How often it was started again since it was last wanted.
  var restarts = 0
}

/// How a process ended, in words.
struct ProcessEnd: Equatable, CustomStringConvertible {
  enum Cause: Equatable {
    case code(Int32)
    case signal(Int32)
    case notStarted(String)
  }

  var cause: Cause

  var description: String {
    switch self.cause {
    case .code(let code): "ended with exit code \(code)"
    case .signal(let number): "was ended by signal \(number)"
    case .notStarted(let reason): "could not be started: \(reason)"
    }
  }
}
