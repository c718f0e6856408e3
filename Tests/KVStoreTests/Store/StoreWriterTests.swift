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
      case .commit(let changes, let revisionChanges, _):
        "commit \(changes.map(\.event.index))" + Self.names(revisionChanges)
      case .publish(let tree, let changes): "publish \(tree.index) \(changes.map(\.event.index))"
      case .publishRevisions(let tree, let changes):
        "publish revision \(tree.revision)" + Self.names(changes)
      case .answer(let results, []):
        "answer \(results.map { (try? $0.get()).map { "\($0.index)" } ?? "refused" })"
      case .answer(let results, let revisionResults):
        "answer \(results.count), \(revisionResults.map { (try? $0.get()).map { "\($0.revision)" } ?? "refused" })"
      }
    }
  }

  private static func names(_ changes: [RevisionChange]) -> String {
    changes.map { change in
      switch change {
      case .put(_, let revision): " put \(revision)"
      case .deletion(_, let revision): " deletion \(revision)"
      case .grant(let id, _, _): " grant \(id)"
      case .end(let id): " end \(id)"
      case .compaction(let revision): " compaction \(revision)"
      case .renewal(let id): " renewal \(id)"
      case .removal(let revision): " removal \(revision)"
      }
    }.joined()
  }

  private static func put(_ key: String, lease: Int64 = 0) -> RevisionCommand {
    var request = PutRequest(RevisionKey(key.utf8), value: [0x31])
    request.lease = lease
    return .put(request)
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

  // MARK: Both keyspaces

  @Test func bothKeyspacesShareACommit() {
    var writer = StoreWriter(tree: KeyTree())
    let begin = writer.begin(
      [Self.set("/a")], [.grant(id: 7, ttl: 5), Self.put("k", lease: 7), .revoke(8)],
      at: Self.at(0))
    #expect(Self.names(begin) == ["commit [1] grant 7 put 2"])
    #expect(writer.tree.index == 0 && writer.revisions.revision == 1)
    #expect(
      Self.names(writer.committed())
        == [
          "publish 1 [1]", "publish revision 2 grant 7 put 2",
          #"answer 1, ["1", "2", "refused"]"#,
        ])
    #expect(writer.revisions.revision == 2)
  }

  @Test func aCommitThatFailsRefusesBothAndChangesNeither() {
    var writer = StoreWriter(tree: KeyTree())
    _ = writer.begin([Self.set("/a")], [Self.put("k")], at: Self.at(0))
    let refused = writer.refused(cause: "full", at: Self.at(0))
    #expect(Self.names(refused) == [#"answer 1, ["refused"]"#])
    guard case .answer(_, let results) = refused[0] else { return }
    #expect(results == [.failure(.unavailable("full"))])
    #expect(writer.tree.index == 0 && writer.revisions.revision == 1)
    // The revision is given out again: no client has seen it.
    #expect(Self.names(writer.begin([], [Self.put("k")], at: Self.at(0))) == ["commit [] put 2"])
  }

  /// Neither before its TTL nor after a request that came later; each end is a revision.
  @Test func aLeaseThatIsDueEndsBeforeAnyRequest() {
    var writer = StoreWriter(tree: KeyTree())
    _ = writer.begin(
      [],
      [
        .grant(id: 1, ttl: 5), .grant(id: 2, ttl: 5), .grant(id: 3, ttl: 9),
        Self.put("a", lease: 1), Self.put("b", lease: 2), Self.put("c", lease: 3),
      ], at: Self.at(0))
    _ = writer.committed()
    #expect(writer.nextDeadline() == Self.at(5))
    #expect(
      Self.names(
        writer.begin([], at: StoreTime(nanoseconds: Self.at(5).nanoseconds - 1)))
        == ["answer []"])
    #expect(
      Self.names(writer.begin([], [.keepAlive(1), Self.put("d", lease: 2)], at: Self.at(5)))
        == ["commit [] end 1 deletion 5 end 2 deletion 6"])
    // A failed commit ends no lease, and is tried again.
    _ = writer.refused(cause: "full", at: Self.at(5))
    #expect(writer.revisions.leaseIDs == [1, 2, 3])
    #expect(writer.nextDeadline() == Self.at(6))
    #expect(
      Self.names(writer.begin([], at: Self.at(6)))
        == ["commit [] end 1 deletion 5 end 2 deletion 6"])
    _ = writer.committed()
    #expect(writer.revisions.leaseIDs == [3])
    #expect(writer.nextDeadline() == Self.at(9))
  }

  @Test func aLeaseThatIsKeptAliveNeedsNoDisk() {
    var writer = StoreWriter(tree: KeyTree())
    _ = writer.begin([], [.grant(id: 1, ttl: 5)], at: Self.at(0))
    _ = writer.committed()
    #expect(
      Self.names(writer.begin([], [.keepAlive(1), .keepAlive(2)], at: Self.at(4)))
        == ["publish revision 1 renewal 1", #"answer 0, ["1", "1"]"#])
    #expect(writer.nextDeadline() == Self.at(9))
    // Beside a change it goes along, and not into the log.
    #expect(
      Self.names(writer.begin([], [.keepAlive(1), Self.put("a")], at: Self.at(5)))
        == ["commit [] put 2"])
    #expect(Self.names(writer.committed())[0] == "publish revision 2 renewal 1 put 2")
    #expect(writer.nextDeadline() == Self.at(10))
  }

  @Test func aLeaseGetsAFreePositiveID() throws {
    var writer = StoreWriter(tree: KeyTree())
    for random in [0, 1, 7, .max] as [UInt64] {
      _ = writer.begin(
        [], [.grant(id: 0, ttl: 5), .grant(id: 0, ttl: 5)], random: random, at: Self.at(0))
      _ = writer.committed()
    }
    #expect(writer.revisions.leaseIDs == [1, 2, 3, 4, 5, 6, 7, .max])
  }

  /// What a compaction gives up goes in slices, between batches.
  @Test func aCompactionStallsNobody() {
    var writer = StoreWriter(tree: KeyTree())
    for _ in 0..<10 {
      _ = writer.begin([], (0..<100).map { _ in Self.put("k") }, at: Self.at(0))
      _ = writer.committed()
    }
    #expect(writer.sweep().isEmpty)
    _ = writer.begin([], [.compact(1001)], at: Self.at(0))
    #expect(writer.sweep().isEmpty)
    _ = writer.committed()
    var slices: [Int] = []
    while writer.isSweeping {
      let removed = writer.sweep().compactMap {
        if case .publishRevisions(_, let changes) = $0 { changes.count } else { nil }
      }
      slices.append(removed.reduce(0, +))
    }
    #expect(slices.reduce(0, +) == 999)
    #expect(slices.allSatisfy { $0 <= 200 })
    #expect(writer.revisions.changes.count == 1)
  }
}
