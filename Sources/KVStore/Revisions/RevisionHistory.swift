/// The changes that can be read, by revision, as a persistent value: the newer ones in memory, the older ones, once the
/// tables have them, as places in the tables.
///
/// A place costs 24 bytes, whatever its key and its value are. Changes leave memory as a whole half of a window: once it is
/// full, and the tables have all of it.
struct RevisionHistory: Sendable {
  /// What a change made of its key.
  struct Change: OrderedElement, Sendable {
    let orderKey: Revision
    let pair: KeyValue
    /// What the change before it made of the key, if that can be read: so nobody reads the tables for the events of what
    /// has just happened.
    let former: KeyValue?
  }

  /// A change's place among the others, without what it made of its key.
  struct Link: Sendable {
    let revision: Revision
    /// See ``KeyValue/former``.
    let former: Revision
    let isDeletion: Bool
  }

  /// A ``Link`` in 24 bytes.
  private struct ArchivedLink: OrderedElement, Sendable {
    private let main: Int64
    private let formerMain: Int64
    private let sub: UInt32
    /// The highest bit tells a deletion.
    private let formerSub: UInt32

    private static let deletion: UInt32 = 1 << 31

    init(_ pair: KeyValue) {
      self.main = pair.modRevision
      self.sub = UInt32(truncatingIfNeeded: pair.sub)
      self.formerMain = pair.former.main
      self.formerSub =
        UInt32(truncatingIfNeeded: pair.former.sub) | (pair.isDeletion ? Self.deletion : 0)
    }

    var orderKey: Revision { Revision(main: self.main, sub: Int64(self.sub)) }
    var link: Link {
      Link(
        revision: self.orderKey,
        former: Revision(main: self.formerMain, sub: Int64(self.formerSub & ~Self.deletion)),
        isDeletion: self.formerSub & Self.deletion != 0)
    }
  }

  /// Where the next station of a station is, which an ``ArchivedLink`` has no room for.
  private struct Station: OrderedElement, Sendable {
    let orderKey: Revision
    let next: Revision
  }

  /// A transaction cannot have more changes.
  static let mostSub = Int64(Int32.max)

  /// Of each half of the window, in bytes of values and what is kept beside them.
  var halfWindow = 1 << 20
  /// What reads the tables; `nil` where there are none, and memory has everything.
  var archive: (any RevisionArchive)?

  /// In memory.
  private var newer = OrderedMap<Change>()
  private var older = OrderedMap<Change>()
  private var newerBytes = 0
  /// In the tables alone. Those behind ``archivedThrough`` are in ``older``, too.
  private var archived = OrderedMap<ArchivedLink>()
  private var stations = OrderedMap<Station>()
  /// All changes up to this revision are in the tables alone.
  private(set) var archivedThrough: Int64 = 0
  /// How far the changes of ``older`` have been noted in ``archived``.
  private var nextToArchive: Revision?

  // MARK: Reading

  /// A change that memory has.
  func inMemory(_ revision: Revision) -> Change? { self.newer[revision] ?? self.older[revision] }

  func contains(_ revision: Revision) -> Bool {
    self.inMemory(revision) != nil || self.archived[revision] != nil
  }

  /// A change's place, if it can be read.
  func link(of revision: Revision) -> Link? { self.links(of: revision)?.link }

  /// A change's place, and that of ``KeyValue/station``, if it can be read.
  private func links(of revision: Revision) -> (link: Link, station: Revision)? {
    if let pair = self.inMemory(revision)?.pair { return (pair.link, pair.station) }
    guard let link = self.archived[revision]?.link else { return nil }
    return (link, self.stations[revision]?.next ?? .none)
  }

  /// What a key was at a revision, or where that is.
  enum Version {
    case pair(KeyValue)
    /// In the tables.
    case archived(Revision)
  }

  /// What a key was at a revision that can be read; `nil` if it was not there.
  /// - Parameter latest: the key's last change.
  func version(of latest: KeyValue, at revision: Int64) -> Version? {
    guard latest.modRevision > revision else { return latest.isDeletion ? nil : .pair(latest) }
    var (link, station) = (latest.link, latest.station)
    while true {
      let next = station.main > revision ? station : link.former
      if next.main > revision {
        guard let links = self.links(of: next) else { return nil }
        (link, station) = links
      } else if let pair = self.inMemory(next)?.pair ?? self.inMemory(link.revision)?.former {
        return pair.isDeletion ? nil : .pair(pair)
      } else {
        guard let found = self.archived[next]?.link, !found.isDeletion else { return nil }
        return .archived(next)
      }
    }
  }

  /// - Throws: for what the tables do not have, or not whole.
  func pairs(_ versions: [Version]) throws(RevisionError) -> [KeyValue] {
    let places = versions.compactMap { version -> Revision? in
      if case .archived(let revision) = version { revision } else { nil }
    }
    guard !places.isEmpty else {
      return versions.compactMap { if case .pair(let pair) = $0 { pair } else { nil } }
    }
    // In pieces, since others read the tables, too.
    var rows: [KeyValue] = []
    while rows.count < places.count {
      rows += try self.rows(of: Array(places[rows.count...].prefix(256)), mostBytes: 1 << 20)
    }
    var next = rows.makeIterator()
    return versions.compactMap { if case .pair(let pair) = $0 { pair } else { next.next() } }
  }

  /// Changes that are in the tables alone, all or as many as fit.
  /// - Parameter mostBytes: of keys and values, but for the last one.
  /// - Returns: at least one, in the order of the revisions asked for.
  func rows(
    of revisions: [Revision], mostBytes: Int
  ) throws(RevisionError) -> [KeyValue] {
    guard !revisions.isEmpty else { return [] }
    guard let archive else { throw .compacted }
    return try archive.changes(at: revisions, mostBytes: mostBytes)
  }

  /// The places of changes that are in the tables alone.
  func archivedLinks(from revision: Revision, most: Int) -> [Link] {
    var links: [Link] = []
    guard revision.main <= self.archivedThrough else { return links }
    self.archived.forEach(from: revision) { element in
      let link = element.link
      guard link.revision.main <= self.archivedThrough, links.count < most else { return false }
      links.append(link)
      return true
    }
    return links
  }

  /// The changes in memory, in their order, until the body says no.
  func forEachInMemory(from revision: Revision, _ body: (Change) -> Bool) {
    var goesOn = true
    for map in [self.older, self.newer] where goesOn {
      map.forEach(from: revision) { change in
        goesOn = body(change)
        return goesOn
      }
    }
  }

  /// The places of all changes from one on, in their order, until the body says no.
  func forEachLink(from revision: Revision, _ body: (Link) -> Bool) {
    var goesOn = true
    if revision.main <= self.archivedThrough {
      self.archived.forEach(from: revision) { element in
        let link = element.link
        guard link.revision.main <= self.archivedThrough else { return false }
        goesOn = body(link)
        return goesOn
      }
    }
    if goesOn { self.forEachInMemory(from: revision) { body($0.pair.link) } }
  }

  // MARK: Changes

  /// - Parameter former: what the change before it made of the key.
  mutating func append(_ pair: KeyValue, after former: KeyValue?) {
    self.newer.insert(Change(orderKey: pair.revision, pair: pair, former: former))
    self.newerBytes += 192 + pair.value.count + (former.map { 192 + $0.value.count } ?? 0)
  }

  /// Takes in a change that the tables have, as the last one; memory has it if nothing reads the tables.
  mutating func load(_ pair: KeyValue, after former: KeyValue?, isArchived: Bool) {
    guard isArchived else { return self.append(pair, after: former) }
    self.archive(pair)
    self.archivedThrough = pair.modRevision
  }

  private mutating func archive(_ pair: KeyValue) {
    self.archived.insert(ArchivedLink(pair))
    if pair.isStation, pair.station != .none {
      self.stations.insert(Station(orderKey: pair.revision, next: pair.station))
    }
  }

  /// - Returns: whether it was there.
  mutating func remove(_ revision: Revision) -> Bool {
    let isInMemory = self.inMemory(revision) != nil
    if isInMemory {
      if self.newer[revision] != nil {
        self.newer.remove(revision)
      } else {
        self.older.remove(revision)
      }
    }
    guard self.archived[revision] != nil else { return isInMemory }
    self.archived.remove(revision)
    if self.stations[revision] != nil { self.stations.remove(revision) }
    return true
  }

  /// What was before this change cannot be read any more.
  mutating func forgetFormer(of revision: Revision) {
    if let change = self.newer[revision] {
      if change.former == nil { return }
      self.newer.insert(Change(orderKey: revision, pair: change.pair, former: nil))
    } else if let change = self.older[revision], change.former != nil {
      self.older.insert(Change(orderKey: revision, pair: change.pair, former: nil))
    }
  }

  /// Whether changes can leave memory.
  /// - Parameter written: the tables have all changes up to this revision.
  func canArchive(writtenThrough written: Int64) -> Bool {
    guard self.archive != nil else { return false }
    guard let last = self.older.last else { return self.newerBytes >= self.halfWindow }
    return last.orderKey.main <= written
  }

  /// Some changes leave memory.
  /// - Parameters:
  ///   - written: the tables have all changes up to this revision.
  ///   - most: so many, so that nobody waits long.
  mutating func archive(writtenThrough written: Int64, most: Int) {
    guard self.canArchive(writtenThrough: written) else { return }
    guard let last = self.older.last else {
      (self.older, self.newer) = (self.newer, OrderedMap())
      self.newerBytes = 0
      return
    }
    var count = 0
    var next: Revision?
    let older = self.older
    older.forEach(from: self.nextToArchive) { change in
      guard count < most else {
        next = change.orderKey
        return false
      }
      count += 1
      self.archive(change.pair)
      return true
    }
    self.nextToArchive = next
    guard next == nil else { return }
    self.older = OrderedMap()
    self.archivedThrough = last.orderKey.main
  }
}

/// Reads the tables for a ``RevisionTree``. The calls block.
package protocol RevisionArchive: Sendable {
  /// What changes made of their keys, in the order of the revisions asked for: all, or as many as fit.
  /// - Parameter mostBytes: of keys and values, but for the last one.
  /// - Throws: ``RevisionError/compacted`` if a compaction has given one of them up meanwhile, and
  ///   ``RevisionError/damaged(_:)`` for a row that is not there or not whole.
  func changes(at revisions: [Revision], mostBytes: Int) throws(RevisionError) -> [KeyValue]
}
