/// Waits until something is so. The bound is no expectation of speed: it only ends a hopeless wait.
/// - Throws: ``TestFailure`` that says what never came.
public func eventually(
  _ what: String, within bound: Duration = .seconds(120), _ isSo: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + bound
  while try await !isSo() {
    guard ContinuousClock.now < deadline else { throw TestFailure("never: \(what)") }
    try await Task.sleep(for: .milliseconds(10))
  }
}
