/// The leases of the v3 keyspace, with the keys that are attached to them.
package struct LeaseTable: Sendable {
  package struct Lease: OrderedElement, Sendable {
    let id: Int64
    /// In seconds.
    package let ttl: Int64
    var deadline: StoreTime
    var keys = OrderedMap<RevisionKey>()

    var orderKey: Int64 { self.id }
  }

  /// Sorted by it, leases end in the order in which they are due.
  private struct Due: Comparable, OrderedElement, Sendable {
    let deadline: StoreTime
    let id: Int64

    var orderKey: Self { self }

    static func < (a: Self, b: Self) -> Bool { (a.deadline, a.id) < (b.deadline, b.id) }
  }

  private var byID = OrderedMap<Lease>()
  private var due = OrderedMap<Due>()

  package subscript(id: Int64) -> Lease? { self.byID[id] }

  /// In their order.
  var ids: [Int64] { self.byID.elements.map(\.id) }

  /// Those that end first come first, as etcd lists them.
  var idsByDeadline: [Int64] { self.due.elements.map(\.id) }

  var count: Int { self.byID.count }

  mutating func grant(_ lease: Lease) {
    self.byID.insert(lease)
    self.due.insert(Due(deadline: lease.deadline, id: lease.id))
  }

  @discardableResult
  mutating func remove(_ id: Int64) -> Lease? {
    guard let lease = self.byID[id] else { return nil }
    self.byID.remove(id)
    self.due.remove(Due(deadline: lease.deadline, id: id))
    return lease
  }

  mutating func renew(_ id: Int64, until deadline: StoreTime) {
    guard var lease = self.remove(id) else { return }
    lease.deadline = deadline
    self.grant(lease)
  }

  mutating func attach(_ key: RevisionKey, to id: Int64) {
    guard var lease = self.byID[id] else { return }
    lease.keys.insert(key)
    self.byID.insert(lease)
  }

  mutating func detach(_ key: RevisionKey, from id: Int64) {
    guard var lease = self.byID[id] else { return }
    lease.keys.remove(key)
    self.byID.insert(lease)
  }

  /// The lease that is due next.
  var next: (id: Int64, deadline: StoreTime)? {
    self.due.first.map { ($0.id, $0.deadline) }
  }
}

extension RevisionTree {
  /// In seconds. Source: `lease.MaxLeaseTTL`.
  package static let longestTTL: Int64 = 9_000_000_000

  /// - Parameters:
  ///   - id: not 0.
  ///   - ttl: in seconds; raised to the shortest one.
  ///   - shortest: in seconds.
  /// - Returns: the lease's TTL.
  package mutating func grant(
    id: Int64, ttl: Int64, shortest: Int64, now: StoreTime
  ) throws(RevisionError) -> Int64 {
    guard ttl <= Self.longestTTL else { throw .leaseTTLTooLarge }
    guard self.leases[id] == nil else { throw .leaseExists }
    let ttl = max(ttl, shortest)
    self.grant(.init(id: id, ttl: ttl, deadline: Self.deadline(ttl, after: now)))
    return ttl
  }

  /// - Parameter lease: a new one.
  mutating func grant(_ lease: LeaseTable.Lease) {
    self.leases.grant(lease)
    self.journal.append(.grant(id: lease.id, ttl: lease.ttl, deadline: lease.deadline))
  }

  private static func deadline(_ ttl: Int64, after now: StoreTime) -> StoreTime {
    // The longest TTL is nearly as long as 64 bits of nanoseconds.
    let (end, overflow) = now.nanoseconds.addingReportingOverflow(ttl * 1_000_000_000)
    return StoreTime(nanoseconds: overflow ? .max : end)
  }

  /// Ends a lease, by a client's word or since it is due, and deletes its keys in one revision.
  package mutating func revoke(_ id: Int64) throws(RevisionError) {
    guard let lease = self.leases.remove(id) else { throw .leaseNotFound }
    self.journal.append(.end(id))
    var writer = Writer(after: self.revision)
    for key in lease.keys.elements {
      if let pair = self.pairs[key] { self.delete(pair, &writer) }
    }
    self.revision = writer.revision
  }

  /// - Returns: the lease's TTL; `nil` for an unknown one.
  package mutating func keepAlive(_ id: Int64, now: StoreTime) -> Int64? {
    guard let lease = self.leases[id] else { return nil }
    self.leases.renew(id, until: Self.deadline(lease.ttl, after: now))
    self.journal.append(.renewal(id))
    return lease.ttl
  }

  /// Ends all leases that are over, in the order of their deadlines: each is a revision, if it has keys.
  package mutating func endLeases(dueAt now: StoreTime) {
    while let (id, deadline) = self.nextDue, deadline <= now {
      guard (try? self.revoke(id)) != nil else { return }
    }
  }

  /// Gives each lease its whole TTL again.
  package mutating func renewAllLeases(at now: StoreTime) {
    for id in self.leases.ids { _ = self.keepAlive(id, now: now) }
  }

  /// An id for a new lease: positive, and not taken.
  func freeLeaseID(_ random: UInt64) -> Int64 {
    var id = Int64(random >> 1)
    while id == 0 || self.leases[id] != nil { id = id == .max ? 1 : id + 1 }
    return id
  }

  /// What is left of a lease, in whole seconds that are over at its end, its TTL, and its keys in their order; `nil`
  /// for an unknown one.
  package func lease(
    _ id: Int64, now: StoreTime
  ) -> (remaining: Int64, ttl: Int64, keys: [RevisionKey])? {
    guard let lease = self.leases[id] else { return nil }
    return (now.nanoseconds(to: lease.deadline) / 1_000_000_000, lease.ttl, lease.keys.elements)
  }

  /// Those that are attached to a lease.
  func keys(of lease: Int64) -> [RevisionKey] { self.leases[lease]?.keys.elements ?? [] }

  /// In their order.
  package var leaseIDs: [Int64] { self.leases.ids }

  /// Those that end first come first.
  package var leaseIDsByDeadline: [Int64] { self.leases.idsByDeadline }

  /// The lease that is due next.
  package var nextDue: (id: Int64, deadline: StoreTime)? { self.leases.next }
}

extension RevisionKey: OrderedElement {
  var orderKey: RevisionKey { self }
}
