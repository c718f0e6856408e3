import HeapModule

/// The events to come, as a value. Events at one instant come in the order in which they were added, so
/// that a run is the same each time.
struct Agenda<Happening> {
  private struct Entry: Comparable {
    let at: Nanoseconds
    let number: UInt64
    let what: Happening

    static func < (left: Self, right: Self) -> Bool {
      (left.at, left.number) < (right.at, right.number)
    }
    static func == (left: Self, right: Self) -> Bool { left.number == right.number }
  }

  private var entries = Heap<Entry>()
  private var count: UInt64 = 0

  mutating func add(_ what: Happening, at: Nanoseconds) {
    self.count += 1
    self.entries.insert(Entry(at: at, number: self.count, what: what))
  }

  mutating func next() -> (at: Nanoseconds, what: Happening)? {
    self.entries.popMin().map { ($0.at, $0.what) }
  }
}
