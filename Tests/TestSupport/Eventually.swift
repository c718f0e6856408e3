/// Waits until a condition holds. The bound is no expectation of speed, it only ends a hopeless wait:
/// hundreds of tests begin at once.
/// - Throws: ``TestFailure`` with what never came true.
public func eventually(
  _ what: @autoclosure () -> String = "the condition", within bound: Duration = .seconds(240),
  file: String = #fileID, line: Int = #line, isolation: isolated (any Actor)? = #isolation,
  _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + bound
  while try await !condition() {
    guard ContinuousClock.now < deadline else {
      throw TestFailure("\(file):\(line): never: \(what())")
    }
    try await Task.sleep(for: .milliseconds(10))
  }
}
