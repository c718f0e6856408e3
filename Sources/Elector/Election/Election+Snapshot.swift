extension Election {
  /// An election at an instant.
  public struct Snapshot: Equatable, Sendable {
    /// The holder of the lock in the store's latest answer; `nil` when there is none or it is not known.
    public var leader: String?
    /// The holder's term.
    public var term: UInt64?
    /// Whether we believe in our lease.
    public var leads: Bool
    /// Whether the manifest is where the kubelet finds it.
    public var isInstalled: Bool
    /// How long our lease is valid at least, and how old its last renewal is.
    public var leaseRest: Duration?
    public var renewalAge: Duration?
    /// The rest of the lock-delay.
    public var waitsFor: Duration?
    /// How long we leave the lock to others.
    public var standsBackFor: Duration?
    /// Whether we leave the lock to others until an operator resumes.
    public var isSteppedDown: Bool
  }

  /// The election at this instant.
  public func snapshot(at now: Instant) -> Snapshot {
    var (leader, term) = (self.lease.map { _ in self.name }, self.lease?.term)
    if case .held(let holder) = self.role.key { (leader, term) = (holder.name, holder.term) }
    return Snapshot(
      leader: leader, term: term, leads: self.leads(at: now),
      isInstalled: self.manifest.file == .installed,
      leaseRest: self.lease.map { max(.zero, $0.sentAt + self.timing.ttl - now) },
      renewalAge: self.lease.map { now - $0.sentAt },
      waitsFor: self.waitRest(at: now), standsBackFor: self.standBack.rest(at: now),
      isSteppedDown: self.standBack.isUnlimited)
  }
}
