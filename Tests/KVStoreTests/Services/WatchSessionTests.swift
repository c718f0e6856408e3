import EtcdMessages
import Foundation
import SeededRandom
import Testing

@testable import KVStore

/// What one stream's client gets, by the keyspace alone.
@Suite struct WatchSessionTests {
  private static func session() -> WatchSession {
    WatchSession { revision in
      var header = V3ResponseHeader()
      header.revision = revision ?? 0
      return header
    }
  }

  private static func create(
    _ key: String, end: String = "", from revision: Int64 = 0,
    _ more: (inout V3WatchCreateRequest) -> Void = { _ in }
  ) -> V3WatchRequest {
    var create = V3WatchCreateRequest()
    create.key = Data(key.utf8)
    create.rangeEnd = Data(end.utf8)
    create.startRevision = revision
    more(&create)
    var request = V3WatchRequest()
    request.createRequest = create
    return request
  }

  private static let progress: V3WatchRequest = {
    var request = V3WatchRequest()
    request.progressRequest = V3WatchProgressRequest()
    return request
  }()

  /// All that there is to tell.
  private static func read(_ session: inout WatchSession, _ tree: RevisionTree) -> [V3WatchResponse]
  {
    var changes: [WatchSession.Change] = []
    var responses: [V3WatchResponse] = []
    while let response = session.next(tree, &changes) { responses.append(response) }
    return responses
  }

  private static func put(_ key: String, _ value: String, _ tree: inout RevisionTree) throws {
    try tree.put(PutRequest(RevisionKey(key.utf8), value: Array(value.utf8)))
  }

  @Test func theClientIsToldOfThePastAndThenOfTheFuture() throws {
    var (session, tree) = (Self.session(), RevisionTree())
    try Self.put("a", "1", &tree)
    try Self.put("b", "2", &tree)
    let changes = session.handle(Self.create("a", end: "b", from: 1), tree)
    #expect(changes == [.watch(0, KeyRange(RevisionKey("a".utf8), end: RevisionKey("b".utf8)))])
    let past = Self.read(&session, tree)
    #expect(past.map(\.created) == [true, false])
    #expect(past.last?.events.map(\.kv.modRevision) == [2])
    try Self.put("a", "3", &tree)
    session.changed(0)
    #expect(Self.read(&session, tree).flatMap(\.events).map(\.kv.modRevision) == [4])
    #expect(Self.read(&session, tree).isEmpty)
  }

  /// It is not ahead of what the stream has been told, even if the store has not woken the watch yet.
  @Test func progressIsNotAheadOfEventsThatAreOnTheirWay() throws {
    var (session, tree) = (Self.session(), RevisionTree())
    _ = session.handle(Self.create("a"), tree)
    _ = Self.read(&session, tree)
    try Self.put("a", "1", &tree)
    _ = session.handle(Self.progress, tree)
    let responses = Self.read(&session, tree)
    #expect(responses.map(\.events.count) == [1, 0])
    #expect(responses.map(\.watchID) == [0, -1])
    #expect(responses.last?.header.revision == 2)
  }

  /// As a real etcd does it, negative revisions too: nothing is compacted at first, which is -1.
  @Test(arguments: [
    (2, 4, true), (4, 4, false), (-1, 4, true), (-7, 4, true), (-2, -1, true), (-1, -1, false),
  ])
  func aWatchThatStartsBeforeTheCompactionEnds(
    start: Int64, compacted: Int64, ends: Bool
  ) throws {
    var (session, tree) = (Self.session(), RevisionTree())
    for value in 1...5 { try Self.put("a", "\(value)", &tree) }
    if compacted > 0 { try tree.compact(compacted) }
    _ = session.handle(Self.create("a", from: start), tree)
    var changes: [WatchSession.Change] = []
    #expect(session.next(tree, &changes)?.created == true)
    let next = session.next(tree, &changes)
    #expect((next?.canceled == true) == ends)
    #expect(next?.compactRevision ?? 0 == (ends ? compacted : 0))
    #expect(changes == (ends ? [.unwatch(0)] : []))
  }

  @Test func aNoticeComesOnlyWithoutEvents() throws {
    var (session, tree) = (Self.session(), RevisionTree())
    _ = session.handle(Self.create("a") { $0.progressNotify = true }, tree)
    _ = session.handle(Self.create("b"), tree)
    _ = Self.read(&session, tree)
    try Self.put("c", "1", &tree)
    session.notifyProgress()
    #expect(Self.read(&session, tree).map(\.watchID) == [0])
    try Self.put("a", "1", &tree)
    session.notifyProgress()
    #expect(Self.read(&session, tree).map(\.events.count) == [1])
  }

  @Test func anAnswerAboveTheLimitIsCutForAClientThatWantsIt() throws {
    var (session, tree) = (Self.session(), RevisionTree())
    for key in ["a", "b", "c"] {
      try Self.put(key, String(repeating: "x", count: 1_000_000), &tree)
    }
    _ = session.handle(Self.create("a", end: "z", from: 1) { $0.fragment = true }, tree)
    let events = Self.read(&session, tree).dropFirst()
    #expect(
      events.flatMap(\.events).map { String(decoding: $0.kv.key, as: UTF8.self) } == [
        "a", "b", "c",
      ])
    #expect(events.last?.fragment == false)
  }

  /// Whatever happens in whatever order: each watch gets the events of its range, each once, in their order. What has
  /// left memory is read elsewhere, and comes at some time.
  @Test(arguments: 1...20 as ClosedRange<UInt64>, [false, true])
  func noEventIsMissingAndNoneComesTwice(seed: UInt64, hasArchive: Bool) throws {
    var random = SeededGenerator(seed: seed)
    var (session, tree) = (Self.session(), RevisionTree())
    let archive = PlainArchive()
    if hasArchive {
      tree.changes.archive = archive
      tree.changes.halfWindow = 1_000
    }
    var seen: [Int64: [Int64]] = [:]
    var wanted: [Int64: [Int64]] = [:]
    var pending: [(watch: Int64, news: RevisionNews)] = []
    var readings: [(WatchSession.Reading, RevisionTree)] = []
    for (id, range) in [("a", "c"), ("b", "d"), ("a", ""), ("d", "\0")].enumerated() {
      _ = session.handle(Self.create(range.0, end: range.1), tree)
      (seen[Int64(id)], wanted[Int64(id)]) = ([], [])
    }
    /// - Returns: whether there was something to read.
    func readOne() -> Bool {
      var changes: [WatchSession.Change] = []
      let response = session.next(tree, &changes)
      for case .read(let reading) in changes { readings.append((reading, tree)) }
      guard let response else { return false }
      seen[response.watchID, default: []] += response.events.map(\.kv.modRevision)
      return true
    }
    func answerReading() {
      guard !readings.isEmpty else { return }
      let (reading, then) = readings.removeFirst()
      #expect(session.received(Self.result(of: reading, then), of: reading, tree) == [])
    }
    for _ in 0..<300 {
      archive.take(tree.takeChanges())
      tree.changes.archive(writtenThrough: tree.revision, most: Int(random.next() % 4))
      switch random.next() % 5 {
      case 0, 1:
        let key = ["a", "b", "c", "d"][Int(random.next() % 4)]
        tree.formerRevision = tree.revision
        try Self.put(key, "x", &tree)
        for (id, keys) in [["a", "b"], ["b", "c"], ["a"], ["d"]].enumerated()
        where keys.contains(key) {
          wanted[Int64(id), default: []].append(tree.revision)
          pending.append((Int64(id), RevisionNews(tree, [Revision(main: tree.revision, sub: 0)])))
        }
      case 2:
        guard !pending.isEmpty else { continue }
        let wake = pending.removeFirst()
        session.changed(wake.watch, wake.news, mayTell: random.next() % 2 == 0)
      case 3: answerReading()
      default:
        // The client may read only a part.
        for _ in 0..<(random.next() % 3) where !readOne() { break }
      }
    }
    for wake in pending { session.changed(wake.watch, wake.news, mayTell: true) }
    while readOne() || !readings.isEmpty { answerReading() }
    #expect(seen == wanted)
    #expect((archive.reads > 0) == hasArchive)
  }

  /// The tables lack what a watch is to be told: it ends with the reason, and its stream goes on.
  @Test func aWatchWhoseEventsAreDamagedEndsWithTheReason() throws {
    var (session, tree) = (Self.session(), RevisionTree())
    tree.changes.archive = PlainArchive()
    tree.changes.halfWindow = 0
    for value in 1...3 { try Self.put("a", "\(value)", &tree) }
    for _ in 0..<2 { tree.changes.archive(writtenThrough: 4, most: 10) }
    _ = session.handle(Self.create("a", from: 2), tree)
    var changes: [WatchSession.Change] = []
    #expect(session.next(tree, &changes)?.created == true)
    #expect(session.next(tree, &changes) == nil)
    guard case .read(let reading)? = changes.first else {
      Issue.record("\(changes)")
      return
    }
    #expect(
      session.received(Self.result(of: reading, tree), of: reading, tree) == [.unwatch(0)])
    let end = try #require(session.next(tree, &changes))
    #expect(end.canceled && end.compactRevision == 0)
    #expect(end.cancelReason == "etcdserver: 2 is missing")
  }

  private struct Archived {
    var tree = RevisionTree()
    let archive = PlainArchive()

    /// Puts these values of `a`, which leave memory.
    init(_ values: ClosedRange<Int>) throws {
      self.tree.changes.archive = self.archive
      self.tree.changes.halfWindow = 0
      for value in values { try WatchSessionTests.put("a", "\(value)", &self.tree) }
      self.archive.take(self.tree.takeChanges())
      for _ in 0..<2 {
        self.tree.changes.archive(writtenThrough: self.tree.revision, most: values.count)
      }
    }
  }

  private static func result(
    of reading: WatchSession.Reading, _ tree: RevisionTree
  ) -> Result<EventBatch, RevisionError> {
    Result { () throws(RevisionError) in try reading.events(in: tree) }
  }

  private static func reading(_ changes: [WatchSession.Change]) -> WatchSession.Reading? {
    guard case .read(let reading)? = changes.last else { return nil }
    return reading
  }

  /// A client that begins and ends watches in turn has one reading under way, and no watch gets what was read for the one
  /// that had its id before.
  @Test func aWatchThatHasEndedLeavesOneReadingBehind() throws {
    var session = Self.session()
    let tree = try Archived(1...3).tree
    _ = session.handle(Self.create("a", from: 2) { $0.watchID = 5 }, tree)
    var changes: [WatchSession.Change] = []
    #expect(session.next(tree, &changes)?.created == true)
    #expect(session.next(tree, &changes) == nil)
    let first = try #require(Self.reading(changes))
    var cancel = V3WatchRequest()
    cancel.cancelRequest.watchID = 5
    _ = session.handle(cancel, tree)
    _ = session.handle(Self.create("a", from: 4) { $0.watchID = 5 }, tree)
    changes = []
    #expect(Self.read(&session, tree).map(\.canceled) == [true, false])
    #expect(session.next(tree, &changes) == nil)
    #expect(changes == [], "the first reading is still under way")
    #expect(session.received(Self.result(of: first, tree), of: first, tree) == [])
    #expect(session.next(tree, &changes) == nil)
    let second = try #require(Self.reading(changes))
    #expect(session.received(Self.result(of: second, tree), of: second, tree) == [])
    #expect(Self.read(&session, tree).flatMap(\.events).map(\.kv.modRevision) == [4])
  }

  /// The tables have given up what was before the first event, which the watch may still be told.
  @Test func aCompactionBesideAReadingEndsNoWatchThatItDoesNotConcern() throws {
    var session = Self.session()
    var past = try Archived(1...3)
    _ = session.handle(Self.create("a", from: 3) { $0.prevKv = true }, past.tree)
    var changes: [WatchSession.Change] = []
    #expect(session.next(past.tree, &changes)?.created == true)
    #expect(session.next(past.tree, &changes) == nil)
    let first = try #require(Self.reading(changes))
    let old = past.tree
    try past.tree.compact(3)
    let isDone = past.tree.removeCompacted()
    #expect(isDone)
    past.archive.take(past.tree.takeChanges())
    let result = Self.result(of: first, old)
    #expect(throws: RevisionError.compacted) { try result.get() }
    #expect(session.received(result, of: first, past.tree) == [])
    changes = []
    #expect(session.next(past.tree, &changes) == nil)
    let second = try #require(Self.reading(changes))
    let again = Self.result(of: second, past.tree)
    #expect(session.received(again, of: second, past.tree) == [])
    let events = Self.read(&session, past.tree).flatMap(\.events)
    #expect(events.map(\.kv.modRevision) == [3, 4])
    #expect(events.map(\.hasPrevKv) == [false, true])
  }

  /// A deletion's own event is small, and what it tells of the past may be large.
  @Test(arguments: [false, true]) func aBatchCountsWhatKeysWereBefore(isArchived: Bool) throws {
    var tree = RevisionTree()
    let archive = PlainArchive()
    if isArchived { tree.changes.archive = archive }
    tree.changes.halfWindow = 0
    for key in ["a", "b", "c", "d"] {
      try Self.put(key, String(repeating: "x", count: 1000), &tree)
    }
    for key in ["a", "b", "c", "d"] {
      _ = try tree.delete(DeleteRequest(KeyRange(RevisionKey(key.utf8), end: RevisionKey([]))))
    }
    archive.take(tree.takeChanges())
    for _ in 0..<2 { tree.changes.archive(writtenThrough: tree.revision, most: 100) }
    let all = KeyRange(RevisionKey([0]), end: RevisionKey([0]))
    let batch = try tree.events(in: all, from: 6, mostBytes: 1500)
    #expect(batch.events.map(\.previous?.value.count) == [1000, 1000])
    let next = try tree.events(in: all, from: batch.next, mostBytes: 1500, wantsPrevious: false)
    #expect(next.events.map(\.revision.main) == [8, 9])
  }
}
