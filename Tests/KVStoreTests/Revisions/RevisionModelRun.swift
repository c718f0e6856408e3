import SeededRandom

@testable import KVStore

/// The keys of all revisions, as plain dictionaries.
struct PlainRevisions {
  var states: [[RevisionKey: KeyValue]] = [[:], [:]]
  /// Of each revision, in the order in which they were made.
  var events: [[(key: RevisionKey, pair: KeyValue?)]] = [[], []]
  var compacted: Int64 = -1
  var leases: [Int64: Int64] = [:]

  var revision: Int64 { Int64(self.states.count - 1) }
  var now: [RevisionKey: KeyValue] { self.states[self.states.count - 1] }

  func sorted(_ range: KeyRange, at revision: Int64) -> [KeyValue] {
    self.states[Int(revision)].values.filter { range.contains($0.key) }.sorted { $0.key < $1.key }
  }

  /// Changes all of it as one transaction; a body without a change makes no revision.
  mutating func change(
    _ body: (inout [RevisionKey: KeyValue], inout [(key: RevisionKey, pair: KeyValue?)], Int64) ->
      Void
  ) {
    var (state, events) = (self.now, [(key: RevisionKey, pair: KeyValue?)]())
    body(&state, &events, self.revision + 1)
    guard !events.isEmpty else { return }
    self.states.append(state)
    self.events.append(events)
  }
}

/// Random requests to a keyspace and to its model, and what differs.
struct RevisionModelRun {
  private var random: SeededGenerator
  private var tree = RevisionTree()
  private var model = PlainRevisions()
  private let time = StoreTime(nanoseconds: 0)
  private(set) var succeeded = 0
  private(set) var refused = 0
  private let archive: PlainArchive?

  init(seed: UInt64, hasArchive: Bool) {
    self.random = SeededGenerator(seed: seed)
    self.archive = hasArchive ? PlainArchive() : nil
    self.tree.changes.archive = self.archive
    self.tree.changes.halfWindow = 2_000
  }

  /// How many changes have been read from the archive.
  var archived: Int { self.archive?.reads ?? 0 }

  // MARK: Random parts

  private mutating func number(_ most: Int64) -> Int64 {
    Int64.random(in: 0...most, using: &self.random)
  }

  private mutating func key() -> RevisionKey {
    RevisionKey("k\(self.number(9))\(self.number(3) == 0 ? "/" : "")".utf8)
  }

  private mutating func range() -> KeyRange {
    switch self.number(5) {
    case 0: KeyRange(self.key(), end: RevisionKey([0]))
    case 1, 2: KeyRange(self.key(), end: self.key())
    default: KeyRange(self.key(), end: RevisionKey([]))
    }
  }

  private mutating func put() -> PutRequest {
    var put = PutRequest(self.key(), value: [UInt8](repeating: 7, count: Int(self.number(2))))
    put.lease = self.number(3) == 0 ? self.number(5) : 0
    if self.number(9) == 0 { (put.ignoresValue, put.value) = (true, []) }
    if self.number(9) == 0 { (put.ignoresLease, put.lease) = (true, 0) }
    put.wantsPrevious = true
    return put
  }

  private mutating func rangeRequest() -> RangeRequest {
    var request = RangeRequest(self.range())
    if self.number(1) == 0 {
      request.revision = max(0, self.tree.revision - self.number(40) + 2)
    }
    request.limit = self.number(2) == 0 ? self.number(4) : 0
    request.keysOnly = self.number(5) == 0
    request.countOnly = self.number(5) == 0
    request.order =
      [.none, .none, .ascending, .descending].randomElement(using: &self.random) ?? .none
    request.target =
      [.key, .key, .version, .create, .mod, .value].randomElement(using: &self.random) ?? .key
    if self.number(5) == 0 {
      request.modRevisions = .init(
        least: self.number(self.tree.revision), most: self.number(self.tree.revision))
    }
    if self.number(5) == 0 { request.createRevisions.most = self.number(self.tree.revision) }
    return request
  }

  // MARK: Steps

  /// - Returns: what is not as in the model.
  mutating func step() -> String? {
    let changes = self.tree.takeChanges()
    if let archive {
      archive.take(changes)
      let written = self.tree.revision - self.number(9)
      self.tree.changes.archive(writtenThrough: written, most: Int(self.number(5)))
    }
    return self.request()
  }

  private mutating func request() -> String? {
    switch self.number(19) {
    case 0...5: self.stepPut()
    case 6...7: self.stepDelete()
    case 8...12: self.stepRange()
    case 13...15: self.stepTxn()
    case 16: self.stepLease()
    case 17: self.stepCompact()
    default: self.stepEvents()
    }
  }

  private mutating func agree<Answer: Equatable>(
    _ found: Result<Answer, RevisionError>, _ expected: Result<Answer, RevisionError>,
    _ what: String
  ) -> String? {
    if case .success = expected { self.succeeded += 1 } else { self.refused += 1 }
    guard found == expected else { return "\(what): \(found), not \(expected)" }
    return self.tree.revision == self.model.revision
      ? nil : "\(what): revision \(self.tree.revision), not \(self.model.revision)"
  }

  private func problem(of put: PutRequest) -> RevisionError? {
    if put.lease != 0, self.model.leases[put.lease] == nil { return .leaseNotFound }
    let isThere = self.model.now[put.key] != nil
    return (put.ignoresValue || put.ignoresLease) && !isThere ? .keyNotFound : nil
  }

  private static func apply(
    _ put: PutRequest, _ state: inout [RevisionKey: KeyValue],
    _ events: inout [(key: RevisionKey, pair: KeyValue?)], _ revision: Int64
  ) -> KeyValue? {
    let old = state[put.key]
    let pair = KeyValue(
      key: put.key, value: put.ignoresValue ? old?.value ?? [] : put.value,
      createRevision: old?.createRevision ?? revision, modRevision: revision,
      version: (old?.version ?? 0) + 1, lease: put.ignoresLease ? old?.lease ?? 0 : put.lease)
    state[put.key] = pair
    events.append((put.key, pair))
    return old
  }

  private static func apply(
    _ range: KeyRange, _ state: inout [RevisionKey: KeyValue],
    _ events: inout [(key: RevisionKey, pair: KeyValue?)]
  ) -> [KeyValue] {
    let old = state.values.filter { range.contains($0.key) }.sorted { $0.key < $1.key }
    for pair in old {
      state[pair.key] = nil
      events.append((pair.key, nil))
    }
    return old
  }

  private mutating func stepPut() -> String? {
    let put = self.put()
    let found = Result { () throws(RevisionError) in try self.tree.put(put) }
    if let problem = self.problem(of: put) { return self.agree(found, .failure(problem), "\(put)") }
    var old: KeyValue?
    self.model.change { old = Self.apply(put, &$0, &$1, $2) }
    return self.agree(found, .success(old), "\(put)")
  }

  private mutating func stepDelete() -> String? {
    var delete = DeleteRequest(self.range())
    delete.wantsPrevious = true
    let found = Result { () throws(RevisionError) in try self.tree.delete(delete).previous }
    var old: [KeyValue] = []
    self.model.change { state, events, _ in old = Self.apply(delete.range, &state, &events) }
    return self.agree(found, .success(old), "\(delete)")
  }

  private func expected(_ request: RangeRequest, _ now: Int64) -> Result<RangeAnswer, RevisionError>
  {
    if request.revision > now { return .failure(.futureRevision) }
    if request.revision > 0, request.revision < self.model.compacted { return .failure(.compacted) }
    let revision = request.revision > 0 ? request.revision : now
    let all = self.model.sorted(request.range, at: revision)
    var answer = RangeAnswer(pairs: [], count: Int64(all.count))
    if request.countOnly { return .success(answer) }
    answer.pairs = all.filter { pair in
      for (number, bounds) in [
        (pair.modRevision, request.modRevisions), (pair.createRevision, request.createRevisions),
      ] {
        if bounds.least > 0, number < bounds.least { return false }
        if bounds.most > 0, number > bounds.most { return false }
      }
      return true
    }
    let isFiltered = [request.modRevisions, request.createRevisions].contains {
      $0.least != 0 || $0.most != 0
    }
    // Without an order no more keys are looked at.
    if request.limit > 0, request.order == .none, !isFiltered {
      answer.pairs = Array(answer.pairs.prefix(Int(request.limit) + 1))
    }
    if request.order != .none || request.target != .key {
      func value(_ pair: KeyValue) -> [Int64] {
        switch request.target {
        case .key: pair.key.bytes.map(Int64.init)
        case .version: [pair.version]
        case .create: [pair.createRevision]
        case .mod: [pair.modRevision]
        case .value: pair.value.map(Int64.init)
        }
      }
      let places = Dictionary(
        uniqueKeysWithValues: answer.pairs.enumerated().map { ($1.key, $0) })
      answer.pairs.sort { a, b in
        let (left, right) =
          request.order == .descending ? (value(b), value(a)) : (value(a), value(b))
        if left == right { return places[a.key] ?? 0 < places[b.key] ?? 0 }
        return left.lexicographicallyPrecedes(right)
      }
    }
    if request.limit > 0, answer.pairs.count > request.limit {
      answer.pairs = Array(answer.pairs.prefix(Int(request.limit)))
      answer.hasMore = true
    }
    if request.keysOnly { answer.pairs = answer.pairs.map(\.withoutValue) }
    return .success(answer)
  }

  private mutating func stepRange() -> String? {
    let request = self.rangeRequest()
    let found = Result { () throws(RevisionError) in try self.tree.range(request) }
    return self.agree(found, self.expected(request, self.model.revision), "\(request)")
  }

  /// Compares versions, and then puts or deletes keys that are no duplicates.
  private mutating func stepTxn() -> String? {
    var request = TxnRequest()
    var holds = true
    for _ in 0..<self.number(2) {
      var compare = TxnCompare(KeyRange(self.key(), end: RevisionKey([])))
      compare.relation =
        [.equal, .greater, .less, .notEqual].randomElement(using: &self.random) ?? .equal
      let version = self.number(2)
      compare.target = .version(version)
      let found = self.model.now[compare.range.start]?.version ?? 0
      holds =
        holds
        && [
          .equal: found == version, .greater: found > version, .less: found < version,
          .notEqual: found != version,
        ][compare.relation] == true
      request.comparisons.append(compare)
    }
    var keys: Set<RevisionKey> = []
    var (puts, deletions) = ([PutRequest](), [KeyRange]())
    for _ in 0..<self.number(3) {
      let put = self.put()
      if keys.insert(put.key).inserted { puts.append(put) }
    }
    for _ in 0..<self.number(2) {
      let key = self.key()
      if keys.insert(key).inserted { deletions.append(KeyRange(key, end: RevisionKey([]))) }
    }
    let operations: [TxnRequest.Operation] =
      deletions.map { .delete(DeleteRequest($0)) } + puts.map { .put($0) }
    // Now and then an inner one around them.
    let isInner = self.number(3) == 0
    var inner = TxnRequest()
    inner.success = operations
    if holds {
      request.success = isInner ? [.txn(inner)] : operations
    } else {
      request.failure = isInner ? [.txn(inner)] : operations
    }
    let found = Result { () throws(RevisionError) in try self.tree.txn(request) }
    let problem = puts.compactMap(self.problem).first
    if let problem { return self.agree(found, .failure(problem), "\(request)") }
    var parts: [TxnAnswer.Part] = []
    let former = self.model.revision
    self.model.change { state, events, revision in
      for range in deletions {
        let count = Self.apply(range, &state, &events).count
        parts.append(
          .delete(
            count: Int64(count), previous: [], revision: events.isEmpty ? former : revision))
      }
      for put in puts {
        let old = Self.apply(put, &state, &events, revision)
        parts.append(.put(previous: old, revision: revision))
      }
    }
    if isInner {
      var answer = TxnAnswer(hasSucceeded: true)
      answer.parts = parts
      parts = [.txn(answer)]
    }
    var answer = TxnAnswer(hasSucceeded: holds)
    answer.parts = parts
    return self.agree(found, .success(answer), "\(request)")
  }

  private mutating func stepLease() -> String? {
    let id = self.number(4) + 1
    guard self.number(1) == 0 else {
      let found = Result { () throws(RevisionError) in
        try self.tree.grant(id: id, ttl: 60, shortest: 2, now: self.time)
      }
      let isNew = self.model.leases[id] == nil
      self.model.leases[id] = 60
      return self.agree(found, isNew ? .success(60) : .failure(.leaseExists), "grant \(id)")
    }
    let keys = self.model.now.values.filter { $0.lease == id }.map(\.key).sorted()
    if let lease = self.tree.lease(id, now: self.time), lease.keys != keys {
      return "lease \(id) has \(lease.keys), not \(keys)"
    }
    let found = Result { () throws(RevisionError) in
      try self.tree.revoke(id)
      return true
    }
    guard self.model.leases.removeValue(forKey: id) != nil else {
      return self.agree(found, .failure(.leaseNotFound), "revoke \(id)")
    }
    self.model.change { state, events, _ in
      for key in keys {
        state[key] = nil
        events.append((key, nil))
      }
    }
    return self.agree(found, .success(true), "revoke \(id)")
  }

  private mutating func stepCompact() -> String? {
    let revision = self.tree.revision - self.number(60) + 1
    let found = Result { () throws(RevisionError) in
      try self.tree.compact(revision)
      return true
    }
    _ = self.tree.removeCompacted(most: Int(self.number(30)))
    if revision <= self.model.compacted {
      return self.agree(found, .failure(.compacted), "compact \(revision)")
    }
    if revision > self.model.revision {
      return self.agree(found, .failure(.futureRevision), "compact \(revision)")
    }
    self.model.compacted = revision
    return self.agree(found, .success(true), "compact \(revision)")
  }

  private mutating func stepEvents() -> String? {
    let range = self.range()
    let start = max(1, self.tree.revision - self.number(50))
    let mostBytes = Int(self.number(4)) * 10
    let found = Result { () throws(RevisionError) in
      // In batches, as a watcher reads them.
      var events: [RevisionEvent] = []
      var next = start
      repeat {
        let batch = try self.tree.events(
          in: range, from: next, mostBytes: mostBytes, mostChanges: 5)
        events += batch.events
        next = batch.next
      } while next <= self.tree.revision
      return events
    }
    guard start >= self.model.compacted else {
      return self.agree(found, .failure(.compacted), "events from \(start)")
    }
    var events: [RevisionEvent] = []
    for revision in Int(start)...Int(self.model.revision) {
      for (sub, event) in self.model.events[revision].enumerated() where range.contains(event.key) {
        // What was before the compacted revision is gone.
        let previous =
          Int64(revision) > self.model.compacted && event.pair?.createRevision != Int64(revision)
          ? self.model.states[revision - 1][event.key] : nil
        events.append(
          RevisionEvent(
            key: event.key, revision: Revision(main: Int64(revision), sub: Int64(sub)),
            pair: event.pair, previous: previous))
      }
    }
    return self.agree(
      found.map { $0.map { $0.revision.main > self.model.compacted ? $0 : $0.withoutPrevious } },
      .success(events), "events from \(start)")
  }
}

extension RevisionEvent {
  fileprivate var withoutPrevious: RevisionEvent {
    RevisionEvent(key: self.key, revision: self.revision, pair: self.pair, previous: nil)
  }
}
