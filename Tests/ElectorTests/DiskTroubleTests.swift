import Foundation
import Glibc
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import Elector

/// Disks that hang or turn read-only below an elector.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct DiskTroubleTests {
  /// A piece of the disk's work that ends when it is told to.
  private final class Hanging: Sendable {
    private let end = DispatchSemaphore(value: 0)
    private let count = Mutex(0)
    var ended: Int { self.count.withLock { $0 } }

    func work() {
      self.end.wait()
      self.count.withLock { $0 += 1 }
    }
    func release() { self.end.signal() }
  }

  @Test func workThatHangsIsWaitedForOnlyOnce() async throws {
    let disk = ManifestDisk(patience: .milliseconds(50))
    let hanging = Hanging()
    guard case .failure(let first) = await disk.run({ hanging.work() }), first.hangs else {
      throw TestFailure("it was waited for")
    }
    // Everything else fails at once, and is not carried out later.
    let begin = ContinuousClock.now
    for _ in 0..<20 {
      guard case .failure(let next) = await disk.run({ hanging.work() }), next.hangs else {
        throw TestFailure("it was not refused")
      }
    }
    #expect(ContinuousClock.now - begin < .seconds(1))
    #expect(first.reason.hasPrefix("the disk has not answered for"))
    hanging.release()
    try await eventually("it has ended") { hanging.ended == 1 }
    try await eventually("the disk is well again") {
      if case .success = await disk.run({}) { true } else { false }
    }
    #expect(hanging.ended == 1)
  }

  @Test func aTrialLeavesNothing() throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    try fixture.file.place.tryDisk()
    #expect(try fixture.names().isEmpty)
    try FileManager.default.removeItem(at: fixture.destination.deletingLastPathComponent())
    #expect(throws: ManifestError.self) { try fixture.file.place.tryDisk() }
  }

  /// A bind mount of the fixture's manifests on themselves.
  private func remount(_ path: String, readOnly: Bool) throws {
    let flags = UInt(MS_BIND | MS_REMOUNT) | (readOnly ? UInt(MS_RDONLY) : 0)
    guard mount(nil, path, nil, flags, nil) == 0 else { throw TestFailure("remount: \(errno)") }
  }

  @Test(.enabled(if: getuid() == 0, "only root mounts"))
  func aLeaderOnAReadOnlyDiskRenewsAndReportsUntilItCanStop() async throws {
    try await NodeKubelet.idle(self.aLeaderOnAReadOnlyDisk)
  }

  private func aLeaderOnAReadOnlyDisk(_ kubelet: NodeKubelet) async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    let directory = fixture.destination.deletingLastPathComponent().path
    guard mount(directory, directory, nil, UInt(MS_BIND), nil) == 0 else {
      throw TestFailure("mount: \(errno)")
    }
    defer { umount2(directory, Int32(MNT_DETACH)) }
    let (store, lines) = (MemoryStore(), LogLines())
    let service = try fixture.election(store, ttl: 3, kubelet: kubelet, lines)
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
        logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      try await eventually("installed") { fixture.installed == ManifestFixture.content }
      func trouble() -> String? {
        let (status, now) = service.board.look()
        return status.trouble(at: now)
      }
      #expect(trouble() == nil)
      try self.remount(directory, readOnly: true)
      // In time: nothing is to be removed yet.
      try await eventually("it is told") { trouble()?.contains("Read-only file system") == true }
      #expect(service.board.look().status.snapshot.leads)
      #expect(lines.all.contains { $0.hasPrefix("the disk takes no writes") })

      await group.triggerGracefulShutdown()
      try await eventually("a removal fails") {
        lines.all.contains { $0.hasPrefix("cannot remove the manifest") }
      }
      let renewals = store.requests.count
      try await eventually("it renews for more than a lease") {
        store.requests.count > renewals + 8
      }
      #expect(store.holder?.name == "me" && fixture.installed != nil)
      #expect(trouble()?.contains("Read-only file system") == true)

      try self.remount(directory, readOnly: false)
      try await tasks.waitForAll()
    }
    #expect(fixture.installed == nil && store.holder == nil)
    #expect(store.record?.isEnded == true)
  }
}
