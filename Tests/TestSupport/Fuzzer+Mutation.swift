import SeededRandom

extension Fuzzer {
  /// One of the seeds with a few changes: parts left out, written twice or moved, pieces put in, bits flipped.
  package static func mutated(
    _ seeds: [[UInt8]], with pieces: [[UInt8]], _ random: inout SeededGenerator
  ) -> [UInt8] {
    var bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
    for _ in 0..<Int.random(in: 0..<6, using: &random) {
      let start = Int.random(in: 0...bytes.count, using: &random)
      let end = min(bytes.count, start + (1 << Int.random(in: 0..<7, using: &random)))
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.insert(contentsOf: bytes[start..<end], at: end)
      case 2:
        let part = bytes[start..<end]
        bytes.removeSubrange(start..<end)
        bytes.insert(contentsOf: part, at: Int.random(in: 0...bytes.count, using: &random))
      case 3 where start < bytes.count: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      default:
        bytes.insert(
          contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)], at: start)
      }
    }
    return bytes
  }

  /// The same for texts.
  package static func mutated(
    _ seeds: [String], with pieces: [String], _ random: inout SeededGenerator
  ) -> [UInt8] {
    self.mutated(seeds.map { Array($0.utf8) }, with: pieces.map { Array($0.utf8) }, &random)
  }
}
