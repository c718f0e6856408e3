extension RevisionTree {
  /// A hash of all versions up to a revision that are not compacted: the same for the same history.
  package func hash(at revision: Int64) -> UInt32 {
    var hash = UInt64(bitPattern: revision)
    self.changes.forEach { change in
      let pair = change.pair
      guard pair.modRevision <= revision else { return false }
      let numbers = [pair.modRevision, pair.sub, pair.createRevision, pair.version, pair.lease]
      hash = numbers.withUnsafeBytes { Checksum.of($0, seed: hash) }
      hash = pair.key.bytes.withUnsafeBytes { Checksum.of($0, seed: hash) }
      hash = pair.value.withUnsafeBytes { Checksum.of($0, seed: hash) }
      return true
    }
    // 0 is no hash for some clients.
    return max(1, UInt32(truncatingIfNeeded: hash ^ hash >> 32))
  }
}
