/// Why a benchmark has no figures.
package enum BenchmarkError: Error, Equatable, CustomStringConvertible {
  package struct Program: Equatable, Sendable {
    package var name: String
    package var package: String
  }

  /// Programs that are not in `PATH`, with the Debian packages that have them.
  case missing([Program])
  case noProgram(String)
  case ended(String, log: String)
  case silent(String, log: String)
  case requestsFailed(load: String, Subject, reason: String)
  case connectionLost(port: Int)
  case refused(target: String, status: Int)
  case malformed(String)
  case watchEnded(String)
  case callsEnded(port: Int, reason: String)
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
        + "name another one with --kvstore"
    case .ended(let program, let log): "\(program) has ended:\n\(log)"
    case .silent(let program, let log): "\(program) did not get ready within a minute:\n\(log)"
    case .requestsFailed(let load, let subject, let reason):
      "\(subject.rawValue) did not answer all requests of \(load): \(reason)"
    case .connectionLost(let port): "the server on port \(port) closed a connection"
    case .refused(let target, let status): "the server answered \(target) with status \(status)"
    case .malformed(let what): "the server's answer has no \(what)"
    case .callsEnded(let port, let reason):
      "the server on port \(port) takes no more calls: \(reason)"
    case .watchEnded(let reason): "a watch ended: \(reason)"
    case .timedOut(let what): "timed out waiting for \(what)"
    case .tooFewDescriptors(let limit, let needed):
      "\(needed) connections exceed this shell's limit of \(limit) open files: raise it "
        + "with 'ulimit -n \(needed)'"
    case .noWrkSummary(let output): "wrk printed no summary:\n\(output)"
    }
  }
}
