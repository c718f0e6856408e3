import DequeModule
import EtcdMessages
import Foundation

/// The watches of one stream, as a value: requests go in, responses come out one at a time, as the client reads.
///
/// It keeps no event for a client that does not read. A watch knows the next revision that its client lacks, and reads it
/// from the keyspace's history when there is room; so such a client costs nothing, and misses nothing. One that has read
/// all gets what is new as it comes.
///
/// Invariants: a watch's events come in the order of their revisions, none twice, none missing; all events of a
/// revision come in one response, or in fragments of one; the revision of an answer to a progress request is not
/// ahead of any watch of the stream.
///
/// Source: etcd's `watchStream`; the answers are those of recordings.
struct WatchSession {
  private struct Watch {
    let range: KeyRange
    /// The first revision that the client lacks.
    var next: Int64
    let skipsPuts: Bool
    let skipsDeletions: Bool
    let wantsPrevious: Bool
    let mayBeCut: Bool
    let wantsProgress: Bool
    /// Whether it stands in ``WatchSession/behind``.
    var isBehind = false
    /// The number of the reading that is its own.
    var reading: Int?
    /// Whether it says how far it is, if it has nothing else to tell.
    var owesNotice = false
  }

  /// What the store has to know or to do.
  enum Change: Equatable {
    case watch(Int64, KeyRange)
    case unwatch(Int64)
    /// Read events that memory does not hold, where nobody waits; answered by ``WatchSession/received(_:of:_:)``.
    case read(Reading)
  }

  /// The next events of a watch, to be read from the keyspace's history.
  struct Reading: Equatable {
    let watch: Int64
    fileprivate let number: Int
    fileprivate let range: KeyRange
    fileprivate let first: Int64
    fileprivate let wantsPrevious: Bool
    /// How far the keyspace was compacted when it was asked for.
    fileprivate let compacted: Int64

    func events(in tree: RevisionTree) throws(RevisionError) -> EventBatch {
      try tree.events(
        in: self.range, from: self.first, mostBytes: WatchSession.batchBytes,
        mostChanges: WatchSession.batchChanges, wantsPrevious: self.wantsPrevious)
    }
  }

  private var watches: [Int64: Watch] = [:]
  private var nextID: Int64 = 0
  /// Watches that may lack something.
  private var behind: Deque<Int64> = []
  /// Answers that are ready, before any event.
  private var ready: Deque<V3WatchResponse> = []
  /// What is being read elsewhere: one at a time, so that not much is held for a client that does not read, and not much
  /// done for one that ends its watches at once. Its watch is behind meanwhile, or has ended.
  private var reading: Reading?
  private var readings = 0
  private var progressRequests = 0
  private let header: @Sendable (Int64?) -> V3ResponseHeader

  /// Events of so many bytes come in one response, if they are of several revisions.
  fileprivate static let batchBytes = 1 << 20
  /// So many changes are looked at in one go.
  fileprivate static let batchChanges = 10_000
  /// A response with more bytes is cut, if its client wants that. Source: `DefaultMaxRequestBytes` and gRPC's overhead.
  private static let fragmentBytes = (3 << 19) + (512 << 10)

  /// - Parameter header: with a revision, or without one.
  init(header: @escaping @Sendable (Int64?) -> V3ResponseHeader) { self.header = header }

  // MARK: Requests

  /// - Parameter denial: why a watch that is asked for may not begin.
  mutating func handle(
    _ request: V3WatchRequest, _ tree: RevisionTree, denial: RPCStatus? = nil
  ) -> [Change] {
    switch request.requestUnion {
    case .createRequest(let request):
      if let denial {
        self.refuse("rpc error: code = \(denial.code.goName) desc = \(denial.text)", tree)
        return []
      }
      return self.create(request, tree)
    case .cancelRequest(let request):
      guard self.watches.removeValue(forKey: request.watchID) != nil else { return [] }
      self.ready.append(self.response(to: request.watchID, tree.revision) { $0.canceled = true })
      return [.unwatch(request.watchID)]
    case .progressRequest:
      self.progressRequests += 1
      return []
    case nil: return []
    }
  }

  private mutating func create(
    _ request: V3WatchCreateRequest, _ tree: RevisionTree
  ) -> [Change] {
    let range = Self.range(of: request)
    guard !range.isEmpty else {
      self.refuse("mvcc: watcher range is empty", tree)
      return []
    }
    var id = request.watchID
    if id == 0 {
      while self.watches[self.nextID] != nil { self.nextID += 1 }
      id = self.nextID
      self.nextID += 1
    } else if self.watches[id] != nil {
      self.refuse("mvcc: duplicate watch ID provided on the WatchStream", tree)
      return []
    }
    self.ready.append(self.response(to: id, tree.revision) { $0.created = true })
    // A negative one that is not before the compaction, which is -1 at first, is as none. So a real etcd does it.
    let start = request.startRevision
    let hasStart = start > 0 || start < 0 && start < tree.compacted
    self.watches[id] = Watch(
      range: range,
      next: hasStart ? start : tree.revision + 1,
      skipsPuts: request.filters.contains(.noput),
      skipsDeletions: request.filters.contains(.nodelete), wantsPrevious: request.prevKv,
      mayBeCut: request.fragment, wantsProgress: request.progressNotify)
    if hasStart, start <= tree.revision { self.changed(id) }
    return [.watch(id, range)]
  }

  private mutating func refuse(_ reason: String, _ tree: RevisionTree) {
    self.ready.append(
      self.response(to: -1, tree.revision) {
        $0.created = true
        $0.canceled = true
        $0.cancelReason = reason
      })
  }

  /// Without a key it is the key of one zero byte.
  static func range(of request: V3WatchCreateRequest) -> KeyRange {
    KeyRange(
      RevisionKey(request.key.isEmpty ? Data([0]) : request.key),
      end: RevisionKey(request.rangeEnd))
  }

  /// Some key of the watch has changed.
  mutating func changed(_ id: Int64) {
    guard var watch = self.watches[id], !watch.isBehind else { return }
    watch.isBehind = true
    self.watches[id] = watch
    self.behind.append(id)
  }

  /// A publication has changed some key of the watch. A watch that was not behind lacks nothing before it.
  /// - Parameter mayTell: whether the client reads.
  mutating func changed(_ id: Int64, _ news: RevisionNews, mayTell: Bool) {
    guard var watch = self.watches[id], !watch.isBehind else { return }
    watch.next = max(watch.next, news.tree.formerRevision + 1)
    guard mayTell, self.ready.isEmpty, self.behind.isEmpty, let events = news.events else {
      self.watches[id] = watch
      return self.changed(id)
    }
    let next = watch.next
    watch.next = max(next, news.tree.revision + 1)
    self.tell(
      events.first.map { $0.revision.main < next } == true
        ? events.filter { $0.revision.main >= next } : events,
      &watch, id, isDone: true, news.tree.revision)
  }

  /// The time of a notice has come: watches that want it and have nothing to tell say how far they are.
  mutating func notifyProgress() {
    for (id, watch) in self.watches where watch.wantsProgress {
      self.watches[id]?.owesNotice = true
      self.changed(id)
    }
  }

  var wantsProgress: Bool { self.watches.values.contains(where: \.wantsProgress) }

  // MARK: Responses

  /// The next response; `nil` while there is nothing to tell. Watches that end are among the changes.
  mutating func next(_ tree: RevisionTree, _ changes: inout [Change]) -> V3WatchResponse? {
    while true {
      if let response = self.ready.popFirst() { return response }
      if let id = self.behind.first {
        let reading = self.nextReading(of: id, tree)
        let isElsewhere = reading.map { tree.mayReadTables(forEventsFrom: $0.first) } ?? false
        if isElsewhere, self.reading != nil { return nil }
        self.behind.removeFirst()
        guard let reading else { continue }
        if isElsewhere {
          self.reading = reading
          self.watches[id]?.reading = reading.number
          changes.append(.read(reading))
        } else {
          self.take(
            Result { () throws(RevisionError) in try reading.events(in: tree) }, of: reading, tree,
            &changes)
        }
        continue
      }
      guard self.reading == nil, self.progressRequests > 0 else { return nil }
      // The store may not have told yet what is in this snapshot.
      for (id, watch) in self.watches where watch.next <= tree.revision { self.changed(id) }
      guard self.behind.isEmpty else { continue }
      self.progressRequests -= 1
      return self.response(to: -1, tree.revision) { _ in }
    }
  }

  /// - Returns: `nil` for a watch that has ended.
  private mutating func nextReading(of id: Int64, _ tree: RevisionTree) -> Reading? {
    guard let watch = self.watches[id] else { return nil }
    self.readings += 1
    return Reading(
      watch: id, number: self.readings, range: watch.range, first: watch.next,
      wantsPrevious: watch.wantsPrevious, compacted: tree.compacted)
  }

  /// What was to be read has been.
  /// - Parameter tree: as it is now.
  /// - Returns: watches that end.
  mutating func received(
    _ result: Result<EventBatch, RevisionError>, of reading: Reading, _ tree: RevisionTree
  ) -> [Change] {
    guard reading == self.reading else { return [] }
    self.reading = nil
    var changes: [Change] = []
    // Of two watches with one id, one after the other, it may be that of the first.
    if self.watches[reading.watch]?.reading == reading.number {
      self.take(result, of: reading, tree, &changes)
    }
    return changes
  }

  /// Makes the responses of a watch's next events.
  private mutating func take(
    _ result: Result<EventBatch, RevisionError>, of reading: Reading, _ tree: RevisionTree,
    _ changes: inout [Change]
  ) {
    let id = reading.watch
    guard var watch = self.watches[id] else { return }
    (watch.isBehind, watch.reading) = (false, nil)
    switch result {
    case .success(let batch):
      watch.next = batch.next
      let isDone = batch.next > tree.revision
      self.tell(batch.events, &watch, id, isDone: isDone, tree.revision)
      if !isDone { self.changed(id) }
    case .failure(.compacted)
    where reading.compacted < tree.compacted && watch.next >= tree.compacted:
      // A compaction meanwhile has given up what came before its events: the tree of now does not ask for it.
      self.watches[id] = watch
      self.changed(id)
    case .failure(let error):
      self.watches[id] = nil
      changes.append(.unwatch(id))
      self.ready.append(
        self.response(to: id, nil) {
          $0.canceled = true
          if error == .compacted {
            $0.compactRevision = tree.compacted
          } else {
            $0.cancelReason = error.text
          }
        })
    }
  }

  /// Makes the responses that tell of events.
  /// - Parameter isDone: whether the watch knows all then.
  private mutating func tell(
    _ all: [RevisionEvent], _ watch: inout Watch, _ id: Int64, isDone: Bool, _ revision: Int64
  ) {
    let events =
      watch.skipsPuts || watch.skipsDeletions
      ? all.filter { $0.pair == nil ? !watch.skipsDeletions : !watch.skipsPuts } : all
    let isNoticeDue = watch.owesNotice && isDone
    if isDone || !events.isEmpty { watch.owesNotice = false }
    self.watches[id] = watch
    guard !events.isEmpty else {
      if isNoticeDue { self.ready.append(self.response(to: id, revision) { _ in }) }
      return
    }
    let messages = events.map { V3Event($0, wantsPrevious: watch.wantsPrevious) }
    let parts = watch.mayBeCut ? Self.cut(messages) : [messages]
    for (index, part) in parts.enumerated() {
      self.ready.append(
        self.response(to: id, revision) {
          $0.events = part
          $0.fragment = index < parts.count - 1
        })
    }
  }

  private static func cut(_ events: [V3Event]) -> [[V3Event]] {
    var parts: [[V3Event]] = [[]]
    var byteCount = 0
    for event in events {
      let size = event.kv.key.count + event.kv.value.count + event.prevKv.value.count
      if byteCount + size > Self.fragmentBytes, byteCount > 0 {
        parts.append([])
        byteCount = 0
      }
      parts[parts.count - 1].append(event)
      byteCount += size
    }
    return parts
  }

  private func response(
    to id: Int64, _ revision: Int64?, _ fill: (inout V3WatchResponse) -> Void
  ) -> V3WatchResponse {
    var response = V3WatchResponse()
    response.header = self.header(revision)
    response.watchID = id
    fill(&response)
    return response
  }
}

extension V3Event {
  /// A deletion shows its key and its revision only.
  init(_ event: RevisionEvent, wantsPrevious: Bool) {
    self.init()
    if let pair = event.pair {
      self.kv = V3KeyValue(pair)
    } else {
      self.type = .delete
      self.kv.key = Data(event.key.bytes)
      self.kv.modRevision = event.revision.main
    }
    if wantsPrevious, let previous = event.previous { self.prevKv = V3KeyValue(previous) }
  }
}
