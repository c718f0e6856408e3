import Foundation
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Elector

/// The guard's end of a connection, played by the test.
private final class FakeGuard: Sendable {
  /// The elector's end, which a ``GuardLink`` takes over.
  let theirs: Int32
  private let ours: Int32

  init() throws {
    var numbers: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &numbers) == 0)
    (self.ours, self.theirs) = (numbers[0], numbers[1])
  }

  deinit { close(self.ours) }

  /// What has come and was not looked at.
  private let frames = Mutex(GuardFrames())

  /// Waits for the next request.
  func next() async throws -> GuardRequest {
    var message: GuardFields?
    try await eventually("a request") {
      self.frames.withLock { frames in
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(self.ours, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 { frames.append(buffer[..<count]) }
        message = try? frames.next()
      }
      return message != nil
    }
    return try GuardRequest(#require(message))
  }

  func answer(_ id: UInt32, _ result: GuardAnswer.Result) {
    let bytes = GuardAnswer(id: id, result).bytes
    #expect(send(self.ours, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
  }

  func hangUp() { shutdown(self.ours, Int32(SHUT_RDWR)) }

  var isHungUpOn: Bool {
    var descriptor = pollfd(fd: self.ours, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, 0) >= 0 && descriptor.revents & Int16(POLLHUP) != 0
  }
}

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct GuardLinkTests {
  private func with(
    patience: Duration = .seconds(60),
    _ body: (ManifestFixture, FakeGuard, ManifestInstaller) async throws -> Void
  ) async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    let fake = try FakeGuard()
    let link = try await GuardLink.connect(descriptor: fake.theirs, patience: patience)
    try await body(
      fixture, fake, ManifestInstaller(file: fixture.file, guarded: GuardedManifest(link: link)))
    fake.hangUp()
    #expect(await link.lost() != nil)
  }

  @Test func anInstallationCarriesTheContentAndTheDeadline() async throws {
    try await self.with { fixture, fake, installer in
      let end = ContinuousClock.now + .seconds(30)
      async let installation = installer.install(term: 1, before: end)
      let request = try await fake.next()
      guard case .install(let until, let content, nil) = request.kind else {
        throw TestFailure("\(request)")
      }
      #expect(content.bytes == Array(ManifestFixture.content.utf8))
      #expect(until <= BootInstant(end) + .milliseconds(50))
      #expect(BootInstant(end) - until < .seconds(1))
      #expect(fixture.installed == nil, "it is the guard who does it")
      fake.answer(request.id, .done)
      #expect(await installation == .installed)

      async let again = installer.install(term: 1, before: end)
      fake.answer(try await fake.next().id, .tooLate)
      #expect(await again == .tooLate)

      async let failed = installer.install(term: 1, before: end)
      fake.answer(try await fake.next().id, .failed(reason: "no space", isUntouched: true))
      #expect(await failed == .failed(reason: "no space", isUntouched: true))
    }
  }

  @Test(
    arguments: [
      (.done, .installed), (.tooLate, .tooLate),
      (.failed(reason: "no"), .failed(reason: "no", isUntouched: false)),
      (
        .failed(reason: "no", isUntouched: true), .failed(reason: "no", isUntouched: true)
      ),
      (nil, .lost),
    ] as [(GuardAnswer.Result?, ElectionInstallation)])
  func theElectionLearnsWhatTheGuardSaid(
    _ answer: GuardAnswer.Result?, _ expected: ElectionInstallation
  ) async throws {
    try await self.with { _, fake, installer in
      async let installation = installer.install(term: 1, before: .now + .seconds(30))
      let request = try await fake.next()
      if let answer { fake.answer(request.id, answer) } else { fake.hangUp() }
      #expect(await installation == expected)
    }
  }

  /// The guard may have installed it just before: the pod may run, whose end is to be awaited.
  @Test func anInstallationWithoutAnAnswerMayHaveHappened() async throws {
    try await self.with { fixture, fake, installer in
      #expect(
        await installer.install(term: 1, before: .now + .milliseconds(50))
          == .failed(
            reason: "the guard did not answer before the lease's end", isUntouched: false))
      try fixture.write(Self.otherPod)
      #expect(fixture.file.elected()?.name == "s", "not the one that the source has now")
      #expect(!fake.isHungUpOn)
    }
  }

  /// Whose end is to be awaited after an installation that failed.
  @Test(arguments: [(false, "s"), (true, "t")])
  func anInstallationThatFailedMayHaveHappened(isUntouched: Bool, pod: String) async throws {
    try await self.with { fixture, fake, installer in
      async let failed = installer.install(term: 1, before: .now + .seconds(30))
      fake.answer(
        try await fake.next().id, .failed(reason: "no disk", isUntouched: isUntouched))
      #expect(await failed == .failed(reason: "no disk", isUntouched: isUntouched))
      try fixture.write(Self.otherPod)
      #expect(fixture.file.elected()?.name == pod)
    }
  }

  private static let otherPod = "kind: Pod\nmetadata:\n  name: t\n"

  @Test func withoutAGuardAFailureSaysWhatItLeaves() async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    let installer = ManifestInstaller(file: fixture.file, guarded: nil)
    try FileManager.default.removeItem(at: fixture.source)
    guard
      case .failed(_, isUntouched: true) = await installer.install(
        term: 1, before: .now + .seconds(30))
    else {
      throw TestFailure("it may have changed the destination")
    }
  }

  @Test func aRemovalIsDoneAtOnceAndThenAskedFor() async throws {
    try await self.with { fixture, fake, installer in
      await fixture.file.install()
      async let removal: Void = installer.remove()
      let request = try await fake.next()
      #expect(request.kind == .remove)
      #expect(fixture.installed == nil)
      fake.answer(request.id, .done)
      try await removal

      let failed = Task { try await installer.remove() }
      fake.answer(try await fake.next().id, .failed(reason: "read-only"))
      await #expect { try await failed.value } throws: { "\($0)" == "read-only" }
    }
  }

  @Test func withASilentGuardTheManifestIsRemovedAndWeHangUp() async throws {
    try await self.with(patience: .milliseconds(100)) { fixture, fake, installer in
      await fixture.file.install()
      try await installer.remove()
      #expect(fixture.installed == nil)
      #expect(fake.isHungUpOn)
      #expect(await installer.guarded?.link.lost() == .silent(for: .milliseconds(100)))
      #expect(await installer.install(term: 1, before: .now + .seconds(9)) == .lost)
    }
  }

  @Test func anExtensionThatIsNotAnsweredShowsThatTheGuardIsGone() async throws {
    try await self.with(patience: .milliseconds(100)) { _, fake, installer in
      await installer.extend(to: .now + .seconds(9))
      #expect(fake.isHungUpOn)
      #expect(installer.guarded?.link.loss == .silent(for: .milliseconds(100)))
    }
  }

  @Test func aGuardThatEndsIsNoticed() async throws {
    try await self.with { _, fake, installer in
      async let removal: Void = installer.remove()
      _ = try await fake.next()
      fake.hangUp()
      try await removal
      #expect(await installer.guarded?.link.lost() == .closed)
    }
  }

  /// Many elections want something at once, and the guard's disk is slow: it is not silent for that, and
  /// no lease is given up since its extension waited.
  @Test func manyRequestsTakeTurnsAndAnExtensionPassesThem() async throws {
    let fake = try FakeGuard()
    let patience = Duration.seconds(10)
    let link = try await GuardLink.connect(descriptor: fake.theirs, patience: patience)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for manifest in 0..<40 {
        group.addTask {
          let answer = await link.ask(.remove, manifest: UInt16(manifest))
          #expect(answer == .answered(.done))
        }
      }
      var (served, passed) = (0, 0)
      while served < 40 {
        let request = try await fake.next()
        if case .extend = request.kind {
          // Of those before it there are no more than may be under way.
          #expect(served < 20)
          passed += 1
        } else {
          served += 1
          try await Task.sleep(for: patience / 33)
          if served == 10 {
            group.addTask {
              _ = await link.ask(.extend(until: BootInstant(.now + .seconds(60))))
            }
          }
        }
        fake.answer(request.id, .done)
      }
      while passed == 0 {
        fake.answer(try await fake.next().id, .done)
        passed += 1
      }
      try await group.waitForAll()
    }
    #expect(link.loss == nil)
    fake.hangUp()
    #expect(await link.lost() != nil)
  }

  @Test func aDescriptorThatIsNoSocketIsRefused() async throws {
    let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
    await #expect(throws: GuardLinkError(descriptor: file, errno: ENOTSOCK)) {
      _ = try await GuardLink.connect(descriptor: file, patience: .seconds(1))
    }
  }
}
