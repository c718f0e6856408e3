import Foundation
import Testing

@testable import FakeKubelet

@Suite struct ManifestScannerTests {
  private var scanner = ManifestScanner(directory: "/m/", node: Fixtures.node)

  private func listing(_ files: [String: String]) -> DirectoryListing {
    .entries(files.mapValues { .content(Array($0.utf8)) })
  }

  private func name(_ name: String) -> PodName {
    PodName(namespace: "default", name: "\(name)-kube-master1")
  }

  @Test mutating func reportsWhatAppearsChangesAndVanishes() {
    let first = self.scanner.scan(
      self.listing(["a.yaml": Fixtures.pod("a"), "b.yaml": Fixtures.pod("b")]))
    #expect(first.added.map(\.name) == [self.name("a"), self.name("b")])
    #expect(first.added.map(\.path) == ["/m/a.yaml", "/m/b.yaml"])
    #expect(first.removed.isEmpty)
    let second = self.scanner.scan(
      self.listing(["b.yaml": Fixtures.pod("b", image: "nginx:2"), "c.yaml": Fixtures.pod("c")]))
    #expect(second.removed == [self.name("a"), self.name("b")])
    #expect(second.added.map(\.name) == [self.name("b"), self.name("c")])
    #expect(second.errors.isEmpty)
  }

  /// A single manifest in the directory's place; its path is the pod's.
  @Test mutating func aSingleManifestIsRead() throws {
    self.scanner = ManifestScanner(directory: "/m/a.yaml", node: Fixtures.node)
    let first = self.scanner.scan(.file(.content(Array(Fixtures.pod("a").utf8))))
    #expect(first.added.map(\.path) == ["/m/a.yaml"])
    var listed = ManifestScanner(directory: "/m", node: Fixtures.node)
    let same = listed.scan(self.listing(["a.yaml": Fixtures.pod("a")]))
    #expect(first.added.map(\.uid) == same.added.map(\.uid))
    #expect(self.scanner.scan(.missing(reason: "gone")).removed == [self.name("a")])
    var release = ReleaseScanner(
      directory: "/m/a.yaml", node: Fixtures.node, version: try #require(KubeletVersion("1.26")))
    let third = release.apply(.file(.content(Array(Fixtures.pod("a").utf8))))
    #expect(third.added.map(\.uid) == first.added.map(\.uid))
  }

  @Test func aFileIsListedByItself() async throws {
    try await withDirectory { directory in
      let file = directory.appending(path: "a.yaml").path
      #expect(
        DirectoryReading.listing(of: file) == .missing(reason: "path does not exist, ignoring"))
      try Data("a".utf8).write(to: URL(filePath: file))
      #expect(DirectoryReading.listing(of: file) == .file(.content(Array("a".utf8))))
      #expect(
        DirectoryReading.listing(of: "/dev/null")
          == .missing(reason: "path is not a directory or file"))
    }
  }

  @Test mutating func commentsAndLayoutChangeNothing() {
    let text = Fixtures.pod("a")
    _ = self.scanner.scan(self.listing(["a.yaml": text]))
    #expect(self.scanner.scan(self.listing(["a.yaml": "# new\n" + text + "\n"])) == .init())
  }

  @Test mutating func aRenamedFileIsAnotherPod() {
    _ = self.scanner.scan(self.listing(["a.yaml": Fixtures.pod("a")]))
    let changes = self.scanner.scan(self.listing(["b.yaml": Fixtures.pod("a")]))
    #expect(changes.removed == [self.name("a")])
    #expect(changes.added.map(\.path) == ["/m/b.yaml"])
  }

  @Test mutating func aBadFileDisturbsNoOtherAndIsNamedOnce() {
    let files = ["a.yaml": Fixtures.pod("A"), "b.yaml": Fixtures.pod("b")]
    let first = self.scanner.scan(self.listing(files))
    #expect(first.added.map(\.name) == [self.name("b")])
    #expect(first.errors.map(\.path) == ["/m/a.yaml"])
    #expect(self.scanner.scan(self.listing(files)) == .init())
    let other = files.merging(["a.yaml": "nothing"]) { $1 }
    #expect(self.scanner.scan(self.listing(other)).errors.map(\.stage) == [.decode])
  }

  @Test mutating func aFileThatTurnsBadKeepsItsPodUntilItIsGoneOrGood() {
    let good = ["a.yaml": Fixtures.pod("a")]
    _ = self.scanner.scan(self.listing(good))
    let broken = self.scanner.scan(self.listing(["a.yaml": ""]))
    #expect(broken.removed.isEmpty)
    #expect(broken.errors.count == 1)
    #expect(self.scanner.scan(self.listing(good)) == .init())
    _ = self.scanner.scan(.entries(["a.yaml": .unreadable(reason: "Permission denied")]))
    #expect(self.scanner.pods.count == 1)
    #expect(self.scanner.scan(self.listing([:])).removed == [self.name("a")])
  }

  @Test mutating func ofTwoFilesWithOnePodTheLastCounts() {
    let files = [
      "a.yaml": Fixtures.pod("a", image: "nginx:1"),
      "a.yaml.bak": Fixtures.pod("a", image: "nginx:0"),
    ]
    let both = self.scanner.scan(self.listing(files))
    #expect(both.added.map(\.path) == ["/m/a.yaml.bak"])
    #expect(both.errors.map(\.stage) == [.duplicate])
    #expect(both.errors.map(\.path) == ["/m/a.yaml"])
    #expect(both.errors.first?.description.contains("/m/a.yaml.bak") == true)
    #expect(self.scanner.scan(self.listing(files)) == .init())
    let one = self.scanner.scan(self.listing(["a.yaml": Fixtures.pod("a", image: "nginx:1")]))
    #expect(one.removed == [self.name("a")])
    #expect(one.added.map(\.path) == ["/m/a.yaml"])
  }

  @Test mutating func theSameNameInAnotherNamespaceIsAnotherPod() {
    let other = Fixtures.pod("a").replacing("name: a\n", with: "name: a\n  namespace: other\n")
    let changes = self.scanner.scan(
      self.listing(["a.yaml": Fixtures.pod("a"), "b.yaml": other]))
    #expect(changes.added.count == 2)
    #expect(changes.errors.isEmpty)
  }

  @Test mutating func aRewriteUnderItsOwnUIDIsAnUpdate() {
    _ = self.scanner.scan(self.listing(["a.yaml": Fixtures.pod("a", uid: "term-1")]))
    let prolonged = Fixtures.pod("a", uid: "term-1", spec: "  activeDeadlineSeconds: 60")
    let update = self.scanner.scan(self.listing(["a.yaml": prolonged]))
    #expect(update.updated.map(\.activeDeadline) == [.seconds(60)])
    #expect(update.removed.isEmpty)
    #expect(update.added.isEmpty)
    // Neither the file's name nor its layout is a part of such a pod.
    let moved = self.scanner.scan(self.listing(["b.yaml": "# moved\n" + prolonged]))
    #expect(moved == .init())
    let next = self.scanner.scan(self.listing(["b.yaml": Fixtures.pod("a", uid: "term-2")]))
    #expect(next.removed == [self.name("a")])
    #expect(next.added.map(\.uid) == ["term-2"])
    #expect(next.updated.isEmpty)
  }

  @Test mutating func aMissingDirectoryIsAnEmptyOne() {
    _ = self.scanner.scan(self.listing(["a.yaml": Fixtures.pod("a")]))
    let gone = self.scanner.scan(.missing(reason: "path does not exist, ignoring"))
    #expect(gone.removed == [self.name("a")])
    #expect(gone.directoryVanished == "path does not exist, ignoring")
    #expect(self.scanner.scan(.missing(reason: "path does not exist, ignoring")) == .init())
    let back = self.scanner.scan(self.listing(["a.yaml": Fixtures.pod("a")]))
    #expect(back.directoryReturned)
    #expect(back.added.map(\.name) == [self.name("a")])
  }
}
