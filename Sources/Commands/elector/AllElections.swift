import Elector
import ServiceLifecycle

/// All elections at once. A `ServiceGroup` would stop them one after the other, each with a wait for a
/// pod's end.
struct AllElections: Service {
  let all: [ElectionSetup.Services]

  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { others in
      for service in self.all.flatMap(\.beside) {
        others.addTask { try await service.run() }
      }
      let failures = await withTaskGroup(of: (any Error)?.self) { group in
        for (index, election) in self.all.map(\.election).enumerated() {
          group.addTask {
            do {
              // A thousand elections that start at one instant would send their requests together ever after.
              try? await Task.sleep(for: .milliseconds(index))
              try await election.run()
              return nil
            } catch {
              return error
            }
          }
        }
        var failures: [any Error] = []
        // All have to end, also after a failure of one.
        for await failure in group { if let failure { failures.append(failure) } }
        return failures
      }
      others.cancelAll()
      if let failure = failures.first { throw failure }
    }
  }
}
