import SeededRandom
import Testing

@testable import KVStore

@Suite struct OrderedMapTests {
  private struct Numbered: OrderedElement, Equatable {
    let orderKey: Int
    let value: Int
  }

  /// Beside a dictionary that is sorted for each question.
  @Test(arguments: [40, 400, 4_000])
  func itDoesWhatASortedDictionaryDoes(keys: Int) {
    var random = SeededGenerator(seed: UInt64(keys))
    var map = OrderedMap<Numbered>()
    var plain: [Int: Int] = [:]
    for step in 0..<20_000 {
      let key = Int.random(in: 0..<keys, using: &random)
      // In turns it grows to nearly all keys and shrinks to nearly none.
      if Int.random(in: 0..<10, using: &random) < (step / 4_000 % 2 == 0 ? 7 : 3) {
        map.insert(Numbered(orderKey: key, value: step))
        plain[key] = step
      } else {
        map.remove(key)
        plain[key] = nil
      }
      #expect(map[key]?.value == plain[key])
      #expect(map.count == plain.count)
      guard step % 100 == 0 else { continue }
      let sorted = plain.sorted { $0.key < $1.key }
      #expect(map.elements == sorted.map { Numbered(orderKey: $0.key, value: $0.value) })
      #expect(map.first?.orderKey == sorted.first?.key)
      for place in [-1, key, key + 1, keys] {
        #expect(map.rank(of: place) == sorted.count { $0.key < place })
        var following: Int?
        map.forEach(from: place) {
          following = $0.orderKey
          return false
        }
        #expect(following == sorted.first { $0.key >= place }?.key)
      }
    }
  }

  @Test func aCopyStaysAsItWas() {
    var map = OrderedMap<Numbered>()
    for key in 0..<1_000 { map.insert(Numbered(orderKey: key, value: key)) }
    let copy = map
    for key in 0..<1_000 {
      if key % 3 == 0 { map.remove(key) } else { map.insert(Numbered(orderKey: key, value: -key)) }
    }
    #expect(copy.count == 1_000)
    var isSame = true
    copy.forEach {
      isSame = isSame && $0.orderKey == $0.value
      return true
    }
    #expect(isSame)
    #expect(map.count == 666)
  }

  @Test func aVisitEndsWhereItIsToldTo() {
    var map = OrderedMap<Numbered>()
    for key in 0..<500 { map.insert(Numbered(orderKey: key, value: key)) }
    var seen: [Int] = []
    map.forEach(from: 123) {
      seen.append($0.orderKey)
      return $0.orderKey < 200
    }
    #expect(seen == Array(123...200))
  }
}
