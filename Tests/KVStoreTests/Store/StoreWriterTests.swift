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
      case .commit(let changes): "commit \(changes.map(\.event.index))"
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
}
