import SeededRandom
import Testing

@testable import KVStore

@Suite struct OrderedMapTests {
  /// Beside a dictionary that is sorted for each question.
  @Test(arguments: [40, 400, 4_000])
  func itDoesWhatASortedDictionaryDoes(keys: Int) {
    var random = SeededGenerator(seed: UInt64(keys))
    var map = OrderedMap<Int, Int>()
    var plain: [Int: Int] = [:]
    for step in 0..<20_000 {
      let key = Int.random(in: 0..<keys, using: &random)
      // In turns it grows to nearly all keys and shrinks to nearly none.
      if Int.random(in: 0..<10, using: &random) < (step / 4_000 % 2 == 0 ? 7 : 3) {
        map[key] = step
        plain[key] = step
      } else {
        map[key] = nil
        plain[key] = nil
      }
      #expect(map[key] == plain[key])
      #expect(map.count == plain.count)
      guard step % 100 == 0 else { continue }
      let sorted = plain.sorted { $0.key < $1.key }
      #expect(map.keys == sorted.map(\.key))
      map.forEach {
        #expect(plain[$0] == $1)
        return true
      }
      for place in [-1, key, key + 1, keys] {
        #expect(map.rank(of: place) == sorted.count { $0.key < place })
        #expect(map.last(before: place)?.key == sorted.last { $0.key < place }?.key)
        #expect(map.first(from: place)?.key == sorted.first { $0.key >= place }?.key)
      }
    }
  }

  @Test func aCopyStaysAsItWas() {
    var map = OrderedMap<Int, Int>()
    for key in 0..<1_000 { map[key] = key }
    let copy = map
    for key in 0..<1_000 { map[key] = key % 3 == 0 ? nil : -key }
    #expect(copy.count == 1_000)
    var isSame = true
    copy.forEach {
      isSame = isSame && $0 == $1
      return true
    }
    #expect(isSame)
    #expect(map.count == 666)
  }

  @Test func aVisitEndsWhereItIsToldTo() {
    var map = OrderedMap<Int, Int>()
    for key in 0..<500 { map[key] = key }
    var seen: [Int] = []
    map.forEach(from: 123) { key, _ in
      seen.append(key)
      return key < 200
    }
    #expect(seen == Array(123...200))
  }
}
