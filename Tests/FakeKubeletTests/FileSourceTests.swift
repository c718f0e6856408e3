import Foundation
import Glibc
import TestSupport
import Testing

@testable import FakeKubelet

/// The real kubelet's reactions, defects included. Source: what `pkg/kubelet/config` did when it was run.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct FileSourceTests {
  /// Events of the directory, and the kubelet's reaction.
  struct Story: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var version = "1.26"
    let steps: [(step: Step, outcome: [String])]
  }

  enum Step: Sendable {
    /// The watch reports a file that was written.
    case write(String, String)
    case remove(String)
    case list([String: String])
    case listMissing
  }

  private static func pod(_ name: String, _ image: String) -> String {
    Fixtures.pod(name, uid: "\(name)-\(image)", image: "i:\(image)")
  }

  private static let broken = "kind: Pod\n"

  static let stories: [Story] = [
    Story(
      testDescription: "a broken edit keeps the pod until the next list",
      steps: [
        (.list(["a": pod("a", "1")]), ["+a-1"]), (.write("a", broken), ["!a"]),
        (.list(["a": broken, "b": pod("b", "1")]), ["-a", "+b-1", "!a"]),
        (.write("a", pod("a", "2")), ["+a-2"]),
      ]),
    Story(
      testDescription: "an edit is a removal and an addition",
      steps: [
        (.write("a", pod("a", "1")), ["+a-1"]), (.write("a", pod("a", "2")), ["-a", "+a-2"]),
        (.write("a", pod("a", "2")), []), (.remove("a"), ["-a"]),
      ]),
    Story(
      testDescription: "the last pod stays in its place and comes back with the next event",
      steps: [
        (.list(["a": pod("a", "1")]), ["+a-1"]), (.list(["a": broken]), ["-a", "!a"]),
        (.write("b", pod("b", "1")), ["+a-1", "+b-1"]),
        (.list(["a": broken, "b": pod("b", "1")]), ["-a", "!a"]),
      ]),
    Story(
      testDescription: "of two files the one that was touched counts until the list",
      steps: [
        (.list(["zz": pod("a", "z")]), ["+a-z"]), (.write("0a", pod("a", "0")), ["-a", "+a-0"]),
        (.list(["0a": pod("a", "0"), "zz": pod("a", "z")]), ["-a", "+a-z"]),
      ]),
    Story(
      testDescription: "the removal of either of two files removes the pod until the list",
      steps: [
        (.list(["0a": pod("a", "0"), "zz": pod("a", "z")]), ["+a-z"]), (.remove("0a"), ["-a"]),
        (.list(["zz": pod("a", "z")]), ["+a-z"]),
      ]),
    Story(
      testDescription: "a directory that is gone removes all until it is back",
      steps: [
        (.list(["a": pod("a", "1")]), ["+a-1"]), (.listMissing, ["-a"]),
        (.list(["a": pod("a", "1")]), ["+a-1"]),
      ]),
    Story(
      testDescription: "1.3 takes the first of two files, and forgets what an empty list lacks",
      version: "1.3",
      steps: [
        (.list(["0a": pod("a", "0"), "zz": pod("a", "z")]), ["+a-0"]),
        (.list(["zz": pod("a", "z")]), ["-a", "+a-z"]), (.list([:]), ["-a"]),
      ]),
  ]

  @Test(arguments: Self.stories) func itDoesAsTheRealOne(story: Story) throws {
    var scanner = ReleaseScanner(
      directory: "/m", node: Fixtures.node, version: try #require(KubeletVersion(story.version)))
    for (index, (step, outcome)) in story.steps.enumerated() {
      func entry(_ text: String) -> DirectoryListing.Entry { .content(Array(text.utf8)) }
      let findings =
        switch step {
        case .write(let name, let text): scanner.apply(.written(entry(text)), name: name)
        case .remove(let name): scanner.apply(.removed, name: name)
        case .list(let files): scanner.apply(.entries(files.mapValues(entry)))
        case .listMissing: scanner.apply(.missing(reason: "path does not exist, ignoring"))
        }
      let found =
        findings.removed.map { "-\($0.name.prefix(1))" } + findings.added.map { "+\($0.uid)" }
        + findings.updated.map { "~\($0.uid)" }
        + findings.errors.map { "!\($0.path.dropFirst(3))" }
      #expect(found == outcome, "step \(index)")
    }
  }

  @Test(
    arguments: [
      ("1.26", 26), ("v1.26", 26), ("1.36.4", 36), ("1.1", 1), ("1.37", nil), ("2.1", nil),
      ("1", nil),
      ("1.x", nil), ("", nil),
    ] as [(String, Int?)])
  func versionsAreReadOrRefused(text: String, minor: Int?) {
    #expect(KubeletVersion(text)?.minor == minor)
  }

  @Test func aReplacedPodWaitsForTheNextPoll() throws {
    let old = try Fixtures.manifest(Self.pod("a", "1"))
    let new = try Fixtures.manifest(Self.pod("a", "2"))
    var workers = PodWorkers(replacesBetweenPolls: false)
    let id = try #require(workers.handle(.changed(added: [old]), at: .at(0)).started)
    _ = workers.handle(.containerStarted(id), at: .at(0))
    _ = workers.handle(.changed(removed: [old.name], added: [new]), at: .at(1))
    let end = workers.handle(.containerExited(id, code: 143), at: .at(2))
    guard case .wake(let poll)? = end.last else {
      Issue.record("it does not wait: \(end)")
      return
    }
    #expect(poll >= .at(11) && poll < .at(16))
    #expect(workers.handle(.woke, at: .at(5)) == [])
    #expect(workers.waiting[new.name] != nil)
    let begun = workers.handle(.woke, at: poll)
    #expect(begun.started != nil)
  }

  /// With a real directory, and a list every second or never.
  private func withKubelet(
    _ version: String?, checkFrequency: Duration, files: [String: String] = [:],
    _ body: (URL, FakeKubelet) async throws -> Void
  ) async throws {
    try await withDirectory { parent in
      let directory = parent.appending(path: "m")
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      for (name, text) in files { try self.write(text, directory.appending(path: name)) }
      var configuration = FakeKubeletConfiguration(
        manifestDirectory: directory.path, nodeName: "n1")
      configuration.servesHTTP = false
      configuration.fileCheckFrequency = checkFrequency
      configuration.kubeletVersion = version.flatMap { KubeletVersion($0) }
      let kubelet = FakeKubelet(configuration: configuration, logger: LogCapture().logger)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await kubelet.run() }
        defer { group.cancelAll() }
        try await body(directory, kubelet)
      }
    }
  }

  private func write(_ text: String, _ file: URL) throws { try Data(text.utf8).write(to: file) }

  @Test func aDirectoryThatIsMadeAgainIsSeenByListsAlone() async throws {
    for (version, isSeen) in [("1.26", false), (nil, true)] as [(String?, Bool)] {
      try await self.withKubelet(version, checkFrequency: .seconds(3600)) { directory, kubelet in
        try self.write(Self.pod("a", "1"), directory.appending(path: "a.yaml"))
        try await eventually("it runs") { kubelet.pods.count == 1 }
        try FileManager.default.removeItem(at: directory)
        try await eventually("it is gone") { kubelet.pods.isEmpty }
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try self.write(Self.pod("b", "1"), directory.appending(path: "b.yaml"))
        if isSeen {
          try await eventually("it is seen") { kubelet.pods.count == 1 }
        } else {
          // Time in which a new watch would be set up.
          try await Task.sleep(for: .seconds(2))
          #expect(kubelet.pods.isEmpty)
        }
      }
    }
  }

  @Test func withoutAWatchOnlyListsSee() async throws {
    try await self.withKubelet("1.2", checkFrequency: .seconds(1)) { directory, kubelet in
      try self.write(Self.pod("a", "1"), directory.appending(path: "a.yaml"))
      try await eventually("the list sees it") { kubelet.pods.count == 1 }
    }
    // The first list is done when the kubelet runs the pods that were there before.
    try await self.withKubelet(
      "1.2", checkFrequency: .seconds(3600), files: ["a.yaml": Self.pod("a", "1")]
    ) { directory, kubelet in
      try await eventually("it runs") { kubelet.pods.count == 1 }
      try self.write(Self.pod("b", "1"), directory.appending(path: "b.yaml"))
      // Time in which a watch would react.
      try await Task.sleep(for: .seconds(1))
      #expect(kubelet.pods.count == 1)
    }
  }

  @Test(arguments: [("1.26", false), (nil, true)] as [(String?, Bool)])
  func aPipeHoldsTheRealOneForGood(version: String?, goesOn: Bool) async throws {
    try await self.withKubelet(version, checkFrequency: .seconds(3600)) { directory, kubelet in
      try self.write(Self.pod("a", "1"), directory.appending(path: "a.yaml"))
      try await eventually("it runs") { kubelet.pods.count == 1 }
      #expect(mkfifo(directory.appending(path: "pipe").path, 0o600) == 0)
      try await Task.sleep(for: .milliseconds(200))
      try self.write(Self.pod("b", "1"), directory.appending(path: "b.yaml"))
      if goesOn {
        try await eventually("it goes on") { kubelet.pods.count == 2 }
      } else {
        try await Task.sleep(for: .seconds(1))
        #expect(kubelet.pods.count == 1)
      }
    }
  }

  /// Harmless changes have the same effect with and without the quirks.
  @Test(arguments: [nil, "1.26"] as [String?])
  func changesOfAllKindsAreSeen(version: String?) async throws {
    try await self.withKubelet(version, checkFrequency: .seconds(1)) { directory, kubelet in
      func uids() -> [String] { kubelet.pods.filter { !$0.isEnding }.map(\.uid) }
      let file = directory.appending(path: "a.yaml")
      // In two halves; the first one is no pod.
      let text = Self.pod("a", "1")
      try self.write(String(text.prefix(20)), file)
      let handle = try FileHandle(forWritingTo: file)
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(text.dropFirst(20).utf8))
      try handle.close()
      try await eventually("the whole file is read") { uids() == ["a-1"] }
      // Touched.
      utimes(file.path, nil)
      // Moved away and back.
      let away = directory.deletingLastPathComponent().appending(path: "away.yaml")
      try FileManager.default.moveItem(at: file, to: away)
      try await eventually("it is gone") { kubelet.pods.isEmpty }
      try FileManager.default.moveItem(at: away, to: file)
      try await eventually("it is back") { uids() == ["a-1"] }
      // A link, whose target changes.
      try self.write(Self.pod("b", "1"), away)
      let link = directory.appending(path: "link.yaml")
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: away)
      try await eventually("the link is followed") { uids() == ["a-1", "b-1"] }
      try self.write(Self.pod("b", "2"), away)
      try await eventually("its target is looked at") {
        uids() == ["a-1", "b-2"] || version != nil && uids() == ["a-1"]
      }
    }
  }

  @Test(arguments: [nil, "1.26"] as [String?])
  func aThousandFilesAtOnceAreAllSeen(version: String?) async throws {
    try await self.withKubelet(version, checkFrequency: .seconds(3600)) { directory, kubelet in
      try await Task.sleep(for: .milliseconds(100))
      for number in 0..<1000 {
        // In place, or by a rename from a hidden name: the real kubelet reads a file at each event.
        try Data(Self.pod("p\(number)", "1").utf8).write(
          to: directory.appending(path: "p\(number).yaml"),
          options: version == nil ? [] : .atomic)
      }
      try await eventually("all run", within: .seconds(120)) { kubelet.pods.count == 1000 }
    }
  }
}
