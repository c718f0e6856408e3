import Foundation
import TestSupport
import Testing
import Yams

@testable import Elector

@Suite struct ManifestExpiryTests {
  /// A kubelet checks once a second, so the deadline is a whole second earlier.
  @Test(
    arguments: [
      (20.0, 19), (20.9, 19), (2, 1), (1.99, nil), (0, nil), (-5, nil), (1e12, 2_147_483_647),
    ]
      as [(Double, Int64?)])
  func aPodEndsNoLaterThanItMay(_ lifetime: Double, _ seconds: Int64?) {
    #expect(ManifestExpiry(uid: "u", lifetime: .seconds(lifetime))?.seconds == seconds)
  }

  /// A pod that has ended does not start again with the same uid, whatever deadline is written later.
  @Test func aDeadlineThatComesTooLateIsNotWritten() throws {
    var life = ManifestLife(uid: "u", detection: .seconds(1))
    func at(_ seconds: Double) -> Duration { .seconds(seconds) }
    let first = try #require(life.expiry(until: at(20), at: at(0)))
    #expect(first == ManifestExpiry(uid: "u", lifetime: at(20)))
    life.wrote(first, at: at(0.1))
    // The deadline is 19 s, the pod may have begun a second before; and a kubelet needs a second to read a later one.
    #expect(life.expiry(until: at(40), at: at(17)) == nil)
    let second = try #require(life.expiry(until: at(37), at: at(16.9)))
    // The write was delayed.
    life.wrote(second, at: at(17))
    #expect(life.expiry(until: at(40), at: at(17.1)) == nil)
  }

  /// The kubelet counts from when it finds the manifest: a disk that is slow must not make the pod end later. Found by
  /// the simulator's seed 41346.
  @Test func aFirstWriteThatTakesTooLongIsNotInstalled() throws {
    func at(_ seconds: Double) -> BootInstant { BootInstant(nanoseconds: Int64(seconds * 1e9)) }
    var copy = ManifestCopy(deadlineDetection: .seconds(1))
    let first = copy.deadline(until: at(120), at: at(100)) { "a" }
    // Counted from the latest end of the write, and a second for the kubelet's look.
    #expect(first == .expiry(try #require(ManifestExpiry(uid: "a", lifetime: .seconds(19)))))
    #expect(copy.firstWriteEnd == at(101))
    for (now, isIn) in [(100.9, true), (101, false)] {
      #expect(GuardLoop.mayInstall(before: at(101), at: at(now), isConnected: true) == isIn)
    }
    // It was refused, so the next one counts anew.
    #expect(copy.deadline(until: at(120), at: at(102)) { "b" }.expiry?.uid == "b")
    #expect(copy.firstWriteEnd == at(103))
    let written = copy.deadline(until: at(120), at: at(103)) { "c" }
    copy.installed([1], madeOf: [1], written, at: at(103.5)) { _ in nil }
    #expect(copy.firstWriteEnd == nil)
    #expect(copy.deadline(until: at(130), at: at(108)) { "d" }.expiry?.uid == "c")
  }

  private func with(
    _ content: String = ManifestFixture.content,
    _ body: (ManifestFixture, ManifestFile) async throws -> Void
  ) async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    try fixture.write(content)
    try await body(
      fixture,
      ManifestFile(
        source: fixture.source.path, destination: fixture.destination.path,
        deadlineDetection: .seconds(1)))
  }

  private func pod(_ fixture: ManifestFixture) throws -> (uid: String?, seconds: Int?) {
    let text = try #require(fixture.installed)
    let root = try #require(try Yams.compose(yaml: text))
    return (
      root["metadata"]?["uid"]?.string, root["spec"]?["activeDeadlineSeconds"]?.int
    )
  }

  /// While one installation follows another; to a kubelet another uid is another pod.
  @Test func aLaterDeadlineIsTheSamePodUntilItIsRemoved() async throws {
    try await self.with { fixture, file in
      let start = ContinuousClock.now
      await file.install(until: start + .seconds(100))
      let first = try self.pod(fixture)
      #expect((50...98).contains(first.seconds ?? 0))
      await file.install(until: start + .seconds(200))
      let second = try self.pod(fixture)
      #expect(second.uid == first.uid)
      #expect(second.seconds == first.seconds.map { $0 + 100 })
      try file.remove()
      await file.install(until: start + .seconds(200))
      let third = try self.pod(fixture)
      #expect(third.uid != first.uid)
    }
  }

  @Test func oneThatCouldNotEndInTimeIsNotInstalled() async throws {
    try await self.with { fixture, file in
      #expect(await file.install(until: .now + .seconds(1)) == .tooLate)
      #expect(fixture.installed == nil)
    }
  }

  /// Otherwise the pod would end in spite of renewals.
  @Test func aSourceThatIsGoneDoesNotStopTheDeadline() async throws {
    try await self.with { fixture, file in
      let start = ContinuousClock.now
      await file.install(until: start + .seconds(100))
      let first = try self.pod(fixture)
      try FileManager.default.removeItem(at: fixture.source)
      guard case .kept = await file.install(until: start + .seconds(200)) else {
        throw TestFailure("it was not kept")
      }
      let second = try self.pod(fixture)
      #expect(second.uid == first.uid)
      #expect(second.seconds == first.seconds.map { $0 + 100 })
    }
  }

  @Test func theManifestsOwnDeadlineStaysIfItIsShorter() async throws {
    try await self.with(ManifestFixture.content + "spec: {activeDeadlineSeconds: 5}\n") {
      fixture, file in
      await file.install(until: .now + .seconds(100))
      let pod = try self.pod(fixture)
      #expect(pod.seconds == 5)
    }
  }
}
