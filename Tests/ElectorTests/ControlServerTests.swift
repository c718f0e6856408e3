import Glibc
import Linux
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import ElectorHTTP

/// An elector whose guard was killed serves its socket until its hand-over ends, and the next elector starts before.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ControlServerTests {
  /// A server in a group of its own, which ends in order: one that is cancelled while it accepts ends its process.
  private struct Server {
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    /// Returns once it listens, or has failed.
    init(_ path: String) async {
      let (listening, announcement) = AsyncStream.makeStream(of: Void.self)
      let server = ControlServer(boards: [], path: path) { announcement.yield() }
      let group = ServiceGroup(services: [server], logger: ControlServerTests.logger)
      self.group = group
      self.task = Task {
        defer { announcement.finish() }
        try await group.run()
      }
      for await _ in listening { break }
    }

    func stop() async throws {
      await self.group.triggerGracefulShutdown()
      try await self.task.value
    }
  }

  fileprivate static let logger = Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }

  @Test func aSocketThatIsServedIsWaitedFor() async throws {
    try await TemporaryFiles.with { files in
      let path = files.path("c.sock")
      let first = await Server(path)
      async let next = Server(path)
      // Some of its looks.
      try await Task.sleep(for: .milliseconds(500))
      try await first.stop()
      let second = await next
      #expect(UnixSocket.isServed(path))
      try await second.stop()
      #expect(access(path, F_OK) != 0)
    }
  }

  @Test func aShutdownEndsTheWait() async throws {
    try await TemporaryFiles.with { files in
      let path = files.path("c.sock")
      let server = await Server(path)
      let waiting = ControlServer(boards: [], path: path, patience: .seconds(3_600))
      let group = ServiceGroup(services: [waiting], logger: Self.logger)
      async let ended: Void = group.run()
      // Some of its looks.
      try await Task.sleep(for: .milliseconds(300))
      await group.triggerGracefulShutdown()
      try await ended
      #expect(UnixSocket.isServed(path))
      try await server.stop()
    }
  }
}
