import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Elector

/// A directory with a source, and a path for the destination.
struct ManifestFixture {
  let directory: URL
  let file: ManifestFile
  var source: URL { self.directory.appending(path: "source/s.yaml") }
  var destination: URL { self.directory.appending(path: "manifests/s.yaml") }

  static let content = "kind: Pod\nmetadata:\n  name: s\n"

  init() throws {
    self.directory = FileManager.default.temporaryDirectory
      .appending(path: "elector-\(UUID().uuidString)")
    for name in ["source", "manifests"] {
      try FileManager.default.createDirectory(
        at: self.directory.appending(path: name), withIntermediateDirectories: true)
    }
    self.file = ManifestFile(
      source: self.directory.appending(path: "source/s.yaml").path,
      destination: self.directory.appending(path: "manifests/s.yaml").path)
    try self.write(Self.content)
  }

  func write(_ text: String) throws { try Data(text.utf8).write(to: self.source) }
  var installed: String? { try? String(contentsOf: self.destination, encoding: .utf8) }
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(
      atPath: self.directory.appending(path: "manifests").path)
  }
  func cleanUp() { try? FileManager.default.removeItem(at: self.directory) }
}

extension ManifestFile {
  /// Installs the copy, as an elector without a guard does.
  @discardableResult
  func install(
    term: UInt64 = 1, until end: ContinuousClock.Instant = .now + .seconds(60)
  ) async -> ElectionInstallation {
    let installer = ManifestInstaller(file: self, guarded: nil)
    // As an election would: a busy machine may take too long for a deadline.
    for _ in 0..<20 {
      let installation = await installer.install(term: term, before: end)
      if installation != .tooLate { return installation }
    }
    return .tooLate
  }
}

extension ElectionInstallation {
  static func kept(_ error: ManifestError) -> Self { .kept(reason: error.description) }
  static func refused(_ error: ManifestError) -> Self {
    .failed(reason: error.description, isUntouched: true)
  }
}

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ManifestFileTests {
  private func with(_ body: (ManifestFixture) async throws -> Void) async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    try await body(fixture)
  }

  @Test func installsAWholeCopyAndNothingElse() async throws {
    try await self.with { fixture in
      #expect(await fixture.file.install() == .installed)
      #expect(fixture.installed == ManifestFixture.content)
      #expect(try fixture.names() == ["s.yaml"])
      let mode =
        try FileManager.default.attributesOfItem(atPath: fixture.destination.path)[
          .posixPermissions] as? Int
      #expect(mode == 0o644)
    }
  }

  /// CIS wants 600, and a manifest may hold secrets.
  @Test func aCopyIsNeverWiderThanItsSource() async throws {
    try await self.with { fixture in
      func mode() -> mode_t {
        var status = stat()
        return stat(fixture.destination.path, &status) == 0 ? status.st_mode & 0o7777 : 0
      }
      for source: mode_t in [0o600, 0o644, 0o400, 0o666, 0o4755, 0o640] {
        #expect(chmod(fixture.source.path, source) == 0)
        #expect(await fixture.file.install() == .installed)
        #expect(mode() == source & 0o666, "of \(String(source, radix: 8))")
      }
      // A person has widened it.
      #expect(chmod(fixture.destination.path, 0o666) == 0)
      #expect(await fixture.file.install() == .installed)
      #expect(mode() == 0o640)
      // A source that cannot be read any more keeps the copy as it is.
      try FileManager.default.removeItem(at: fixture.source)
      guard case .kept = await fixture.file.install() else {
        Issue.record("it was not kept")
        return
      }
      #expect(mode() == 0o640)
    }
  }

  /// Another group gets what all others get.
  @Test(
    arguments: [
      (0o640, true, 0o640), (0o640, false, 0o600), (0o664, false, 0o644), (0o604, false, 0o604),
      (0o666, false, 0o666),
    ] as [(mode_t, Bool, UInt16)])
  func anotherGroupGetsNothingMore(_ source: mode_t, isSameGroup: Bool, _ copy: UInt16) {
    #expect(ManifestBytes.mode(ofCopy: source, isSameGroup: isSameGroup) == copy)
  }

  @Test func doesNothingWhenItIsACopyAlready() async throws {
    try await self.with { fixture in
      await fixture.file.install()
      // A new write would be refused here.
      #expect(await fixture.file.install(until: .now) == .installed)
    }
  }

  @Test func leavesTheDestinationWhenItIsTooLate() async throws {
    try await self.with { fixture in
      #expect(await fixture.file.install(until: .now) == .tooLate)
      let names = try fixture.names()
      #expect(names == [])
    }
  }

  @Test func restoresWhatAPersonChanged() async throws {
    try await self.with { fixture in
      await fixture.file.install()
      try Data("mine".utf8).write(to: fixture.destination)
      await fixture.file.install()
      #expect(fixture.installed == ManifestFixture.content)
    }
  }

  /// The kubelet ends the pod of the removed file, and starts one for the restored file.
  @Test func whatIsInstalledAgainIsAnotherPod() async throws {
    try await self.with { fixture in
      await fixture.file.install()
      fixture.file.ended(fixture.file.podsSoFar)
      #expect(!fixture.file.podsSoFar.isOnlyOne)
      try fixture.file.remove()
      fixture.file.ended(fixture.file.podsSoFar)
      await fixture.file.install()
      #expect(fixture.file.podsSoFar.isOnlyOne)
      await fixture.file.install()
      #expect(fixture.file.podsSoFar.isOnlyOne, "it was there")
      try FileManager.default.removeItem(at: fixture.destination)
      await fixture.file.install()
      #expect(!fixture.file.podsSoFar.isOnlyOne, "two pods, one after the other")
    }
  }

  /// A sidecar gets two seconds after all others have used up the grace, and so does a pod after a hook; not twice.
  @Test(arguments: [
    ("{}", 10), ("{initContainers: [{name: i}]}", 10),
    ("{initContainers: [{name: i, restartPolicy: Always}]}", 12),
    ("{containers: [{name: c, lifecycle: {preStop: {}}}]}", 12),
    (
      "{initContainers: [{name: i, restartPolicy: Always}], containers: [{name: c, lifecycle: {preStop: {}}}]}",
      12
    ),
  ]) func aGraceHasTheKubeletsTwoSeconds(_ spec: String, _ seconds: Int64) {
    let spec = spec.replacingOccurrences(
      of: "{", with: "{terminationGracePeriodSeconds: 10, ",
      range: spec.startIndex..<spec.index(after: spec.startIndex))
    let pod = ElectedPod(manifest: Array("metadata: {name: a}\nspec: \(spec)\n".utf8))
    #expect(pod?.grace == .seconds(seconds), "\(spec)")
  }

  @Test func keepsWhatIsInstalledWhenTheSourceGoes() async throws {
    try await self.with { fixture in
      await fixture.file.install()
      try FileManager.default.removeItem(at: fixture.source)
      let missing = ManifestError.failed(.read, fixture.source.path, ENOENT)
      #expect(await fixture.file.install() == .kept(missing))
      try fixture.write("\n")
      let empty = ManifestError.empty(fixture.source.path)
      #expect(await fixture.file.install() == .kept(empty))
      // But not another process's file.
      try Data("mine".utf8).write(to: fixture.destination)
      #expect(await fixture.file.install() == .refused(empty))
    }
  }

  @Test func aSourceThatWasDeletedGivesTheLockAwayIfThatIsWanted() async throws {
    try await self.with { fixture in
      let file = ManifestFile(
        source: fixture.source.path, destination: fixture.destination.path,
        sourceMissing: .release)
      await file.install()
      // An editor may empty it before it writes.
      try fixture.write("")
      let kept = await file.install()
      #expect(kept == .kept(.empty(fixture.source.path)))
      try FileManager.default.removeItem(at: fixture.source)
      let missing = ManifestError.failed(.read, fixture.source.path, ENOENT)
      #expect(await file.install() == .refused(missing))
    }
  }

  @Test func namesTheFileThatIsInTheWay() async throws {
    try await self.with { fixture in
      try FileManager.default.removeItem(at: fixture.source)
      #expect(
        await fixture.file.install()
          == .failed(
            reason: "cannot read \(fixture.source.path): No such file or directory",
            isUntouched: true))
      try fixture.write(ManifestFixture.content)
      try FileManager.default.removeItem(at: fixture.directory.appending(path: "manifests"))
      guard case .failed(let reason, isUntouched: true) = await fixture.file.install() else {
        throw TestFailure("it was installed")
      }
      #expect(reason.contains("manifests/.s.yaml.elector: No such file or directory"))
      // The destination is absent, though.
      try fixture.file.remove()
    }
  }

  @Test func removesADestinationAndWhatACrashLeft() async throws {
    try await self.with { fixture in
      await fixture.file.install()
      try Data("half".utf8)
        .write(to: fixture.directory.appending(path: "manifests/.s.yaml.elector"))
      try fixture.file.remove()
      #expect(try fixture.names() == [])
      try fixture.file.remove()
    }
  }

  @Test func saysWhatItCannotRemove() async throws {
    try await self.with { fixture in
      try FileManager.default.createDirectory(
        at: fixture.destination, withIntermediateDirectories: false)
      let error = #expect(throws: ManifestError.self) { try fixture.file.remove() }
      #expect(
        error?.description.hasPrefix("cannot remove \(fixture.destination.path): ") == true)
    }
  }

  private final class Writer: Sendable {
    let isDone = Atomic(false)
  }

  /// A kubelet may read at any moment.
  @Test func aReaderSeesNothingOrAWholeFile() async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    let one = String(repeating: "a", count: 300_000)
    let two = String(repeating: "b", count: 500_000)
    let writer = Writer()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { writer.isDone.store(true, ordering: .relaxed) }
        for round in 0..<60 {
          try fixture.write(round.isMultiple(of: 2) ? one : two)
          await fixture.file.install()
          if round.isMultiple(of: 5) { try fixture.file.remove() }
        }
      }
      group.addTask {
        while !writer.isDone.load(ordering: .relaxed) {
          if let seen = try? ManifestFile.read(fixture.destination.path) {
            #expect(seen == Array(one.utf8) || seen == Array(two.utf8))
          }
          await Task.yield()
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func refusesASourceWhosePodStopsLaterThanOthersCountOn() async throws {
    try await self.with { fixture in
      let file = ManifestFile(
        source: fixture.source.path, destination: fixture.destination.path,
        longestGrace: .seconds(30))
      #expect(await file.install() == .installed)
      try fixture.write(
        ManifestFixture.content + "spec: {terminationGracePeriodSeconds: 31}\n")
      let error = ManifestError.graceTooLong(
        fixture.source.path, .seconds(31), assumed: .seconds(30))
      #expect(await file.install() == .kept(error))
      #expect(fixture.installed == ManifestFixture.content)
      try file.remove()
      #expect(await file.install() == .refused(error))
      #expect(fixture.installed == nil)
      let shorter = ManifestFixture.content + "spec: {terminationGracePeriodSeconds: 3}\n"
      try fixture.write(shorter)
      #expect(await file.install() == .installed)
      #expect(fixture.installed == shorter)
    }
  }

  /// The elector asks the kubelet for this pod.
  @Test func remembersWhosePodIsToEnd() async throws {
    try await self.with { fixture in
      func pod(_ name: String) -> String { "metadata: {name: \(name)}\n" }
      #expect(fixture.file.elected()?.name == "s")
      // An earlier process installed it.
      try Data(pod("old").utf8).write(to: fixture.destination)
      try fixture.file.remove()
      #expect(fixture.file.elected()?.name == "old")
      await fixture.file.install()
      try fixture.write(pod("new"))
      try fixture.file.remove()
      #expect(fixture.file.elected()?.name == "s")
    }
  }

  @Test func splitsAPath() {
    #expect(ManifestFile.directory(of: "/a/b.yaml") == "/a")
    #expect(ManifestFile.directory(of: "/b.yaml") == "/")
    #expect(ManifestFile.directory(of: "b.yaml") == ".")
    #expect(ManifestFile.name(of: "/a/b.yaml") == "b.yaml")
    #expect(ManifestFile.name(of: "b.yaml") == "b.yaml")
  }
}

@Suite struct ElectedPodTests {
  @Test func isReadFromTheManifest() throws {
    let text = """
      apiVersion: v1
      kind: Pod
      metadata: {name: kube-scheduler, namespace: kube-system}
      spec: {terminationGracePeriodSeconds: 5}
      """
    let pod = try #require(ElectedPod(manifest: Array(text.utf8)))
    #expect(pod.grace == .seconds(5))
    #expect(pod.isNamed("kube-scheduler-kube-master1", in: "kube-system"))
    #expect(!pod.isNamed("kube-scheduler-kube-master1", in: "default"))
    #expect(!pod.isNamed("kube-schedulers-kube-master1", in: "kube-system"))
    // Once the node is known.
    #expect(pod.isNamed("kube-scheduler-kube-master1", in: "kube-system", node: "Kube-Master1"))
    #expect(pod.isNamed("kube-scheduler", in: "kube-system", node: "kube-master1"))
    #expect(
      !pod.isNamed("kube-scheduler-backup-kube-master1", in: "kube-system", node: "kube-master1"))
    #expect(
      pod.isNamed("kube-scheduler-backup-kube-master1", in: "kube-system"),
      "perhaps the node's name")
  }

  @Test func hasTheKubeletsDefaults() throws {
    let pod = try #require(ElectedPod(manifest: Array(ManifestFixture.content.utf8)))
    #expect(pod.namespace == "default")
    #expect(pod.grace == .seconds(30))
  }

  @Test(arguments: [
    ("", 30), ("  terminationGracePeriodSeconds: 5\n", 5),
    ("  terminationGracePeriodSeconds: 0\n", 2),
    ("  terminationGracePeriodSeconds: -3\n", 2), ("  terminationGracePeriodSeconds: x\n", 30),
    ("  containers:\n  - name: a\n  - name: b\n    lifecycle: {preStop: {exec: {}}}\n", 32),
    ("  terminationGracePeriodSeconds: 1\n  initContainers:\n  - lifecycle: {preStop: {}}\n", 4),
    ("  containers:\n  - lifecycle: {postStart: {}}\n", 30),
  ]) func theGraceIsTheManifestsAndNeverBelowTheKubelets(_ spec: String, seconds: Int) throws {
    let manifest = "metadata:\n  name: s\nspec:\n  hostNetwork: true\n\(spec)"
    #expect(ElectedPod(manifest: Array(manifest.utf8))?.grace == .seconds(seconds))
  }

  @Test(arguments: ["", "a: [", "kind: Pod"]) func isNotGuessed(_ text: String) {
    #expect(ElectedPod(manifest: Array(text.utf8)) == nil)
  }
}
