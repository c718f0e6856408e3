extension RevisionTree {
  /// A hash of all versions up to a revision that are not compacted: the same for the same history. Blocks where the
  /// tables have some of them alone.
  /// - Throws: for what the tables do not have, or not whole.
  package func hash(at revision: Int64) throws(RevisionError) -> UInt32 {
    var hash = UInt64(bitPattern: revision)
    func add(_ pair: KeyValue) {
      let numbers = [pair.modRevision, pair.sub, pair.createRevision, pair.version, pair.lease]
      hash = numbers.withUnsafeBytes { Checksum.of($0, seed: hash) }
      hash = pair.key.bytes.withUnsafeBytes { Checksum.of($0, seed: hash) }
      hash = pair.value.withUnsafeBytes { Checksum.of($0, seed: hash) }
    }
    var next = Revision.none
    while next.main <= revision, let (_, pairs) = try self.archived(from: next) {
      for pair in pairs where pair.modRevision <= revision {
        add(pair)
      }
      guard let last = pairs.last?.revision else { break }
      next = Revision(main: last.main, sub: last.sub + 1)
    }
    self.changes.forEachInMemory(from: next) { change in
      guard change.orderKey.main <= revision else { return false }
      add(change.pair)
      return true
    }
    // 0 is no hash for some clients.
    return max(1, UInt32(truncatingIfNeeded: hash ^ hash >> 32))
  }
}
