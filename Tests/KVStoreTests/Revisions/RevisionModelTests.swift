import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Random requests to the v3 keyspace beside a model that keeps a whole copy of every revision.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct RevisionModelTests {
  /// With an archive, what is old leaves memory at random instants.
  @Test(arguments: 1...4 as ClosedRange<UInt64>, [false, true])
  func itDoesWhatAPlainModelDoes(seed: UInt64, hasArchive: Bool) async throws {
    try await onThreadOfItsOwn {
      var run = RevisionModelRun(seed: seed, hasArchive: hasArchive)
      for step in 0..<12_500 {
        if let problem = run.step() {
          Issue.record("seed \(seed), step \(step): \(problem)")
          return
        }
      }
      #expect(run.succeeded > 5_000 && run.refused > 500)
      #expect(!hasArchive || run.archived > 1_000)
    }
  }

  /// What a compaction can give up is given up: all that is left is one version for each key.
  @Test func aCompactionLeavesOneVersionOfEachKey() throws {
    var tree = RevisionTree()
    for number in 0..<1_000 {
      try tree.put(PutRequest(RevisionKey("k\(number % 10)".utf8), value: [1]))
    }
    try tree.delete(DeleteRequest(KeyRange(RevisionKey("k3".utf8), end: RevisionKey([]))))
    try tree.compact(tree.revision)
    var slices = 1
    while !tree.removeCompacted(most: 100) { slices += 1 }
    #expect(slices == 11)
    // A watcher may begin at the deletion.
    #expect(tree.changes.count == 9 + 1)
    #expect(tree.pairs.count == 9)
    try tree.put(PutRequest(RevisionKey("other".utf8), value: [1]))
    try tree.compact(tree.revision)
    let isWhole = tree.removeCompacted()
    #expect(isWhole)
    #expect(tree.changes.count == 10)
    #expect(tree.deletions.isEmpty)
  }

  /// A key with a long past, which is read by stations, beside one that is read over one change.
  @Test func eachRevisionOfALongPastIsFound() throws {
    var tree = RevisionTree()
    let (key, other) = (RevisionKey("a".utf8), RevisionKey("b".utf8))
    var states: [[UInt8]?] = [nil, nil]
    try tree.put(PutRequest(other, value: [7]))
    states.append(nil)
    for number in 0..<1_000 {
      if number % 97 == 96 {
        try tree.delete(DeleteRequest(KeyRange(key, end: RevisionKey([]))))
        states.append(nil)
      } else {
        let value = [UInt8(number % 256), UInt8(number / 256)]
        try tree.put(PutRequest(key, value: value))
        states.append(value)
      }
    }
    for compacted in [2, 500] as [Int64] {
      try tree.compact(compacted)
      let isWhole = tree.removeCompacted()
      #expect(isWhole)
      for revision in compacted...tree.revision {
        var request = RangeRequest(KeyRange(key, end: RevisionKey("c".utf8)))
        request.revision = revision
        let found = try tree.range(request).pairs.map(\.value)
        #expect(found == [states[Int(revision)], [7]].compactMap(\.self), "at \(revision)")
      }
    }
  }

  /// A transaction that cannot read the tables has changed nothing, whatever it had done before.
  @Test func aTransactionThatCannotReadTheTablesChangesNothing() throws {
    var tree = RevisionTree()
    let archive = PlainArchive()
    tree.changes.archive = archive
    tree.changes.halfWindow = 0
    let (a, b) = (RevisionKey("a".utf8), RevisionKey("b".utf8))
    for value in 1...3 as ClosedRange<UInt8> { try tree.put(PutRequest(a, value: [value])) }
    archive.take(tree.takeChanges())
    for _ in 0..<2 { tree.changes.archive(writtenThrough: tree.revision, most: 10) }
    var past = RangeRequest(KeyRange(a, end: RevisionKey([])))
    past.revision = 3
    var request = TxnRequest()
    request.success = [.put(PutRequest(b)), .range(past)]
    let answer = try tree.txn(request)
    guard case .range(let found, _)? = answer.parts.last else {
      Issue.record("\(answer)")
      return
    }
    #expect(found.pairs.map(\.value) == [[2]])
    _ = tree.takeChanges()
    let revision = tree.revision
    archive.fail(.damaged("a row"))
    #expect(throws: RevisionError.damaged("a row")) { try tree.txn(request) }
    #expect(tree.revision == revision)
    #expect(tree.takeChanges().isEmpty)
    #expect(
      try tree.range(RangeRequest(KeyRange(b, end: RevisionKey([])))).pairs.map(\.version) == [1])
  }
}
