/// The v3 keyspace, as a persistent value: a snapshot costs nothing.
///
/// It has no clock and no watcher: who changes it says when, and keeps what it was before. What it was long ago, memory
/// does not hold: ``RevisionArchive`` reads it from the tables.
///
/// Invariants: each call that changes a key, and nothing else, raises ``revision`` by one, however many keys it
/// changes; a call that throws has changed nothing; what was at a revision that is not below ``compacted`` can be read.
///
/// Source: etcd's `mvcc` and `lease`; the texts and answers are those of recordings.
package struct RevisionTree: Sendable {
  /// The revision of the last change; 1 before the first one.
  package internal(set) var revision: Int64 = 1
  /// The revision before the writer's last batch: a watcher that was not behind before it is woken has to look only at
  /// what came after this one.
  package internal(set) var formerRevision: Int64 = 1
  /// No revision below this one can be read; -1 before the first compaction, as in etcd, where it may be one at 0.
  package internal(set) var compacted: Int64 = -1

  /// The keys that are there, with what they are now.
  var pairs = OrderedMap<KeyValue>()
  /// The deletions of keys that are not there, but were at a revision that can be read.
  var deletions = OrderedMap<KeyValue>()
  /// All changes since ``compacted``, and those before it whose key has not been changed since until then.
  var changes = RevisionHistory()
  /// What a compaction has given up is removed from all changes before this one.
  var swept = Revision.none
  /// The same for ``deletions``, by their keys; `nil` before the first one.
  var sweptDeletions: RevisionKey?
  package internal(set) var leases = LeaseTable()
  /// What has been done since the last ``takeChanges()``, in order.
  var journal: [RevisionChange] = []

  package init() {}

  // MARK: Reading

  /// - Throws: for an empty key, and for a revision that cannot be read.
  package func range(_ request: RangeRequest) throws(RevisionError) -> RangeAnswer {
    try request.check()
    try self.check(request)
    return try self.answer(request)
  }

  /// Whether events may be what memory does not hold: then nobody should wait for them.
  package func mayReadTables(forEventsFrom revision: Int64) -> Bool {
    revision >= self.compacted && revision <= self.changes.archivedThrough
  }

  /// The same for an answer.
  package func mayReadTables(at revision: Int64) -> Bool {
    revision > 0 && revision <= self.changes.archivedThrough && revision < self.revision
  }

  /// Whether the revision can be read.
  func check(_ request: RangeRequest) throws(RevisionError) { try self.check(request.revision) }

  /// - Parameter revision: 0 and less for the present.
  func check(_ revision: Int64) throws(RevisionError) {
    guard revision > 0 else { return }
    guard revision <= self.revision else { throw .futureRevision }
    guard revision >= self.compacted else { throw .compacted }
  }

  /// - Parameters:
  ///   - request: one that has been checked.
  ///   - present: the revision of what is there, which a transaction that has written is making; `nil` for ``revision``.
  func answer(
    _ request: RangeRequest, present: Int64? = nil
  ) throws(RevisionError) -> RangeAnswer {
    if request.revision > 0, request.revision < present ?? self.revision {
      return try self.pastAnswer(request)
    }
    var answer = RangeAnswer()
    if request.countOnly {
      answer.count = Int64(self.count(in: request.range))
      return answer
    }
    let isCutWhileRead = request.limit > 0 && request.takesKeysInOrder
    self.forEach(in: request.range) { pair in
      answer.pairs.append(pair)
      return !isCutWhileRead || answer.pairs.count <= request.limit
    }
    answer.count =
      isCutWhileRead ? Int64(self.count(in: request.range)) : Int64(answer.pairs.count)
    request.arrange(&answer)
    return answer
  }

  private func pastAnswer(_ request: RangeRequest) throws(RevisionError) -> RangeAnswer {
    var versions = self.versions(in: request.range, at: request.revision)
    var answer = RangeAnswer()
    answer.count = Int64(versions.count)
    if request.countOnly { return answer }
    if request.limit > 0, request.limit < Int64(versions.count), request.takesKeysInOrder {
      // One more tells that there are more.
      versions.removeSubrange((Int(request.limit) + 1)...)
    }
    answer.pairs = try self.changes.pairs(versions)
    request.arrange(&answer)
    return answer
  }

  func count(in range: KeyRange) -> Int {
    let first = self.pairs.rank(of: range.start)
    return switch range.end {
    case nil: self.pairs[range.start] == nil ? 0 : 1
    case .before(let end): max(0, self.pairs.rank(of: end) - first)
    case .some(.none): self.pairs.count - first
    }
  }

  /// The present pairs of a range in the order of their keys, until the body says no.
  func forEach(in range: KeyRange, _ body: (KeyValue) -> Bool) {
    if range.end == nil {
      if let pair = self.pairs[range.start] { _ = body(pair) }
      return
    }
    self.pairs.forEach(from: range.start) { range.contains($0.key) && body($0) }
  }

  /// What a range had at an earlier revision, in the order of the keys.
  private func versions(in range: KeyRange, at revision: Int64) -> [RevisionHistory.Version] {
    // Both are in the order of their keys, and no key is in both.
    var deleted: [KeyValue] = []
    self.deletions.forEach(from: range.start) { deletion in
      guard range.contains(deletion.key) else { return false }
      deleted.append(deletion)
      return true
    }
    var versions: [RevisionHistory.Version] = []
    var next = deleted.startIndex
    func add(_ latest: KeyValue) {
      if let version = self.changes.version(of: latest, at: revision) { versions.append(version) }
    }
    self.forEach(in: range) { present in
      while next < deleted.endIndex, deleted[next].key < present.key {
        add(deleted[next])
        next += 1
      }
      add(present)
      return true
    }
    for deletion in deleted[next...] { add(deletion) }
    return versions
  }

  // MARK: Changes

  /// - Returns: the pair before, if it was asked for.
  /// - Throws: for an empty key, an unknown lease, and where there is nothing to be kept.
  @discardableResult
  package mutating func put(_ request: PutRequest) throws(RevisionError) -> KeyValue? {
    try request.check()
    try self.check(request)
    var writer = Writer(after: self.revision)
    let previous = self.put(request, &writer)
    self.revision = writer.revision
    return request.wantsPrevious ? previous : nil
  }

  /// Whether the lease and what is to be kept are there.
  func check(_ request: PutRequest) throws(RevisionError) {
    guard request.lease == 0 || self.leases[request.lease] != nil else { throw .leaseNotFound }
    if request.ignoresValue || request.ignoresLease, self.pairs[request.key] == nil {
      throw .keyNotFound
    }
  }

  /// - Returns: the pairs before, if they were asked for, and how many.
  @discardableResult
  package mutating func delete(
    _ request: DeleteRequest
  ) throws(RevisionError) -> (previous: [KeyValue], count: Int) {
    try request.check()
    var writer = Writer(after: self.revision)
    let previous = self.delete(request.range, &writer)
    self.revision = writer.revision
    return (request.wantsPrevious ? previous : [], previous.count)
  }

  /// The changes of one transaction: all have its revision, and a number in it.
  struct Writer {
    private let former: Int64
    private(set) var count: Int64 = 0

    init(after revision: Int64) { self.former = revision }

    /// The transaction's revision: the former one until it has changed something.
    var revision: Int64 { self.count == 0 ? self.former : self.former + 1 }

    mutating func next() -> Revision {
      defer { self.count += 1 }
      return Revision(main: self.former + 1, sub: self.count)
    }
  }

  /// - Parameter request: one that has been checked.
  /// - Returns: the pair before.
  mutating func put(_ request: PutRequest, _ writer: inout Writer) -> KeyValue? {
    let revision = writer.next()
    let latest = self.latest(of: request.key)
    let previous = latest.flatMap { $0.isDeletion ? nil : $0 }
    let lease = request.ignoresLease ? previous?.lease ?? 0 : request.lease
    let pair = KeyValue(
      key: latest?.key ?? request.key,
      value: request.ignoresValue ? previous?.value ?? [] : request.value,
      createRevision: previous?.createRevision ?? revision.main,
      version: (previous?.version ?? 0) + 1, lease: lease, at: revision, after: latest)
    self.keep(pair, inPlaceOf: latest)
    return previous
  }

  /// The last change of a key that can be read, also its deletion.
  func latest(of key: RevisionKey) -> KeyValue? {
    self.pairs[key] ?? (self.deletions.isEmpty ? nil : self.deletions[key])
  }

  /// - Parameter latest: the last change of the key before.
  mutating func keep(_ pair: KeyValue, inPlaceOf latest: KeyValue?) {
    let former = latest?.lease ?? 0
    if former != pair.lease {
      if former != 0 { self.leases.detach(pair.key, from: former) }
      if pair.lease != 0 { self.leases.attach(pair.key, to: pair.lease) }
    }
    self.place(pair, inPlaceOf: latest)
    self.journal.append(
      pair.isDeletion ? .deletion(pair.key, pair.revision) : .put(pair, pair.revision))
  }

  /// Puts a change where it is found.
  mutating func place(_ pair: KeyValue, inPlaceOf latest: KeyValue?) {
    if pair.isDeletion {
      if let latest, !latest.isDeletion { self.pairs.remove(pair.key) }
      self.deletions.insert(pair)
    } else {
      if let latest, latest.isDeletion { self.deletions.remove(pair.key) }
      self.pairs.insert(pair)
    }
    self.changes.append(pair, after: latest)
  }

  /// - Returns: the pairs before.
  mutating func delete(_ range: KeyRange, _ writer: inout Writer) -> [KeyValue] {
    var previous: [KeyValue] = []
    self.forEach(in: range) {
      previous.append($0)
      return true
    }
    for pair in previous { self.delete(pair, &writer) }
    return previous
  }

  mutating func delete(_ pair: KeyValue, _ writer: inout Writer) {
    self.keep(
      KeyValue(deletionOf: pair.key, at: writer.next(), after: pair), inPlaceOf: pair)
  }
}

extension RangeRequest {
  func check() throws(RevisionError) {
    if self.range.start.bytes.isEmpty { throw .emptyKey }
  }

  private var isFiltered: Bool {
    [self.createRevisions, self.modRevisions] != [Bounds(), Bounds()]
  }

  /// Whether no more keys than the limit and one are looked at. Without an order they are the first ones, even where they
  /// are then sorted by something else.
  ///
  /// Source: etcd's `applyV3.Range`, and what a real one answers.
  var takesKeysInOrder: Bool {
    !self.isFiltered
      && (self.order == .none || self.order == .ascending && self.target == .key)
  }

  /// Filters, sorts and cuts the pairs, which are in the order of their keys.
  func arrange(_ answer: inout RangeAnswer) {
    if self.isFiltered {
      answer.pairs.removeAll {
        !self.createRevisions.contains($0.createRevision)
          || !self.modRevisions.contains($0.modRevision)
      }
    }
    // A target without an order sorts, too. The sort is stable in both directions.
    if self.order != .none || self.target != .key { self.sort(&answer.pairs) }
    if self.limit > 0, answer.pairs.count > self.limit {
      answer.pairs.removeSubrange(Int(self.limit)...)
      answer.hasMore = true
    }
    if self.keysOnly { answer.pairs = answer.pairs.map(\.withoutValue) }
  }

  private func sort(_ pairs: inout [KeyValue]) {
    func isLess(_ a: KeyValue, _ b: KeyValue) -> Bool {
      switch self.target {
      case .key: a.key < b.key
      case .version: a.version < b.version
      case .create: a.createRevision < b.createRevision
      case .mod: a.modRevision < b.modRevision
      case .value: RevisionKey(a.value) < RevisionKey(b.value)
      }
    }
    if self.order == .descending { pairs.sort { isLess($1, $0) } } else { pairs.sort(by: isLess) }
  }
}

extension PutRequest {
  func check() throws(RevisionError) {
    if self.key.bytes.isEmpty { throw .emptyKey }
    if self.ignoresValue, !self.value.isEmpty { throw .valueProvided }
    if self.ignoresLease, self.lease != 0 { throw .leaseProvided }
  }
}

extension DeleteRequest {
  func check() throws(RevisionError) {
    if self.range.start.bytes.isEmpty { throw .emptyKey }
  }
}

extension KeyValue {
  var withoutValue: KeyValue {
    KeyValue(
      key: self.key, value: [], createRevision: self.createRevision,
      modRevision: self.modRevision, version: self.version, lease: self.lease)
  }
}
