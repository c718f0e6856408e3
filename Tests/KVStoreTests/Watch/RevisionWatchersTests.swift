import SeededRandom
import Testing

@testable import KVStore

/// Who is concerned by a key, beside a plain list of ranges.
@Suite struct RevisionWatchersTests {
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func itFindsThoseThatAPlainListFinds(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var watchers = RevisionWatchers()
    var list: [(id: UInt64, range: KeyRange)] = []
    func key(_ letters: Int) -> RevisionKey {
      RevisionKey(
        (0..<Int.random(in: 1...letters, using: &random)).map { _ in
          UInt8.random(in: 0x61...0x66, using: &random)
        })
    }
    for step in 0..<4_000 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0...3:
        // One key, a range that may be empty, and all from a key on.
        let end =
          switch Int.random(in: 0..<4, using: &random) {
          case 0: RevisionKey([])
          case 1: RevisionKey([0])
          default: key(3)
          }
        let range = KeyRange(key(3), end: end)
        list.append((watchers.add(range), range))
      case 4...6 where !list.isEmpty:
        watchers.remove(list.remove(at: Int.random(in: 0..<list.count, using: &random)).id)
      default:
        let keys = (0..<Int.random(in: 1...3, using: &random)).map { _ in key(3) }
        let expected = list.filter { watcher in keys.contains(where: watcher.range.contains) }
        let found = watchers.concerned(by: keys)
        #expect(
          found.flatMap(\.watchers).sorted() == expected.map(\.id).sorted(),
          "seed \(seed), step \(step)")
        for group in found {
          for id in group.watchers {
            let range = list.first { $0.id == id }?.range
            #expect(group.places == keys.indices.filter { range?.contains(keys[$0]) == true })
          }
        }
      }
      #expect(watchers.count == list.count)
    }
    for watcher in list { watchers.remove(watcher.id) }
    #expect(watchers.count == 0 && watchers.concerned(by: [key(2)]).isEmpty)
  }

  @Test func anUnknownWatcherIsNoError() {
    var watchers = RevisionWatchers()
    let id = watchers.add(KeyRange(RevisionKey([1]), end: RevisionKey([2])))
    watchers.remove(id)
    watchers.remove(id)
    #expect(watchers.count == 0)
  }
}
