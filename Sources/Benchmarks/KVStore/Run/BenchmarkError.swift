/// Why nothing could be measured.
package enum BenchmarkError: Error, Equatable, CustomStringConvertible {
  package struct Program: Equatable, Sendable {
    package var name: String
    package var package: String
  }

  /// Programs that are not in `PATH`, with the Debian packages that have them.
  case missing([Program])
  case noProgram(String)
  case noSuchLoad(String, known: [String])
  case serverEnded(Subject, log: String)
  case serverSilent(Subject, log: String)
  case requestsFailed(load: String, Subject, reason: String)
  case connectionLost(port: Int)
  case refused(target: String, status: Int)
  case timedOut(String)
  case tooFewDescriptors(limit: Int, needed: Int)
  case noWrkSummary(output: String)

  package var description: String {
    switch self {
    case .missing(let programs):
      "there is no \(programs.map(\.name).joined(separator: " and no ")) in PATH: install "
        + "with 'apt-get install \(programs.map(\.package).joined(separator: " "))'"
    case .noProgram(let path):
      "there is no program \(path): build it with 'swift build -c release --product kvstore', or "
        + "name another with --kvstore"
    case .noSuchLoad(let name, let known):
      "--only: there is no load '\(name)': use some of \(known.joined(separator: ", "))"
    case .serverEnded(let subject, let log): "the \(subject.rawValue) has ended:\n\(log)"
    case .serverSilent(let subject, let log):
      "the \(subject.rawValue) does not answer within a minute:\n\(log)"
    case .requestsFailed(let load, let subject, let reason):
      "\(subject.rawValue) did not answer all requests of \(load): \(reason)"
    case .connectionLost(let port): "the server on port \(port) has closed a connection"
    case .refused(let target, let status): "\(target) was answered with status \(status)"
    case .timedOut(let what): "waited in vain for \(what)"
    case .tooFewDescriptors(let limit, let needed):
      "\(needed) connections are too many for this shell's limit of \(limit) open files: raise it "
        + "with 'ulimit -n \(needed)'"
    case .noWrkSummary(let output): "wrk has not said what it did:\n\(output)"
    }
  }
}
