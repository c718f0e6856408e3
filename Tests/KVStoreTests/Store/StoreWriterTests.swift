import Testing

@testable import KVStore

@Suite struct StoreWriterTests {
  private static func at(_ seconds: Int64) -> StoreTime {
    StoreTime(nanoseconds: 1_475_712_000_000_000_000 + seconds * 1_000_000_000)
  }

  private static func set(_ key: String, ttl: UInt64? = nil) -> Command {
    .set(StorePath(key), .init(deadline: ttl.map { Self.at(0).advanced(bySeconds: $0) }))
  }

  private static func names(_ effects: [StoreWriter.Effect]) -> [String] {
    effects.map { effect in
      switch effect {
      case .commit(let changes, _): "commit \(changes.map(\.event.index))"
      case .publish(let tree, let changes): "publish \(tree.index) \(changes.map(\.event.index))"
      case .answer(let results):
        "answer \(results.map { (try? $0.get()).map { "\($0.index)" } ?? "refused" })"
      }
    }
  }

  @Test func nothingIsSeenBeforeTheDiskHasIt() {
    var writer = StoreWriter(tree: KeyTree())
    let begin = writer.begin([Self.set("/a"), Self.set("/b")], at: Self.at(0))
    #expect(Self.names(begin) == ["commit [1, 2]"])
    #expect(writer.tree.index == 0)
    #expect(Self.names(writer.committed()) == ["publish 2 [1, 2]", #"answer ["1", "2"]"#])
    #expect(writer.tree.index == 2)
  }

  @Test func whatIsOnlyRefusedNeedsNoDisk() {
    var writer = StoreWriter(tree: KeyTree())
    let delete = Command.delete(StorePath("/a"), isDirectory: false, isRecursive: false)
    #expect(Self.names(writer.begin([delete], at: Self.at(0))) == [#"answer ["refused"]"#])
  }

  @Test func aCommitThatFailsChangesNothingAndIsTriedAgainForExpiries() {
    var writer = StoreWriter(tree: KeyTree())
    _ = writer.begin([Self.set("/a", ttl: 5)], at: Self.at(0))
    _ = writer.committed()
    #expect(writer.nextDeadline() == Self.at(5))
    #expect(Self.names(writer.begin([Self.set("/b")], at: Self.at(5))) == ["commit [2, 3]"])
    #expect(
      Self.names(writer.refused(cause: "full", at: Self.at(5))) == [#"answer ["refused"]"#])
    #expect(writer.tree.index == 1)
    #expect(writer.nextDeadline() == Self.at(6))
    #expect(Self.names(writer.begin([], at: Self.at(6))) == ["commit [2]"])
    #expect(Self.names(writer.committed()) == ["publish 2 [2]", "answer []"])
    #expect(writer.nextDeadline() == nil)
  }

  /// A lease that is over, after a commit that failed.
  @Test func noRequestIsJudgedByAKeyThatIsOver() {
    var writer = StoreWriter(tree: KeyTree())
    _ = writer.begin([Self.set("/lease", ttl: 5)], at: Self.at(0))
    _ = writer.committed()
    _ = writer.begin([], at: Self.at(5))
    _ = writer.refused(cause: "full", at: Self.at(5))
    let renewal = Command.compareAndSwap(StorePath("/lease"), .init(value: []), .init())
    #expect(Self.names(writer.begin([renewal], at: Self.at(5))) == ["commit [2]"])
    #expect(
      Self.names(writer.committed()) == ["publish 2 [2]", #"answer ["refused"]"#])
  }

  /// However many are over.
  @Test func allThatIsDueIsInTheBatch() {
    var writer = StoreWriter(tree: KeyTree())
    _ = writer.begin((0..<2000).map { Self.set("/k\($0)", ttl: 5) }, at: Self.at(0))
    _ = writer.committed()
    let update = Command.update(StorePath("/k1999"), .init())
    _ = writer.begin([update], at: Self.at(6))
    #expect(Self.names(writer.committed()).last == #"answer ["refused"]"#)
  }
}
