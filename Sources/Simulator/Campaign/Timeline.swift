import Stories

/// A run for a reader: what happens in each part of the cluster, as it becomes a ``Stories/Story``.
struct Timeline: Sendable {
  /// A part of the cluster, which has a row on the page.
  enum Part: Hashable, Sendable {
    case store(StoreRow)
    case node(Int, NodeRow)
  }

  enum StoreRow: String, CaseIterable, Sendable {
    case process, lease, receipt, faults
  }

  enum NodeRow: String, CaseIterable, Sendable {
    case faults, elector
    /// What the elector believes.
    case lease
    case guardian = "guard"
    case manifest, kubelet, pod
  }

  private(set) var story: Story
  /// Each row has one state at a time, but for its faults.
  private var open: [Part: Int] = [:]

  /// - Parameter nodes: their names.
  init(nodes: [String] = []) {
    let store = Story.Lane("store", rows: StoreRow.allCases.map(\.rawValue))
    self.story = Story(
      title: "",
      lanes: [store] + nodes.map { Story.Lane($0, rows: NodeRow.allCases.map(\.rawValue)) })
  }

  mutating func tell(_ text: String, by part: Part, at now: Nanoseconds) {
    self.story.marks.append(Story.Mark(.event, at: now.seconds, part.place, text))
  }

  /// A rule was broken.
  mutating func violate(_ text: String, at now: Nanoseconds) {
    self.story.marks.append(Story.Mark(.violation, at: now.seconds, nil, text))
  }

  /// A fault has happened, and is shown before what follows from it.
  /// - Parameter former: how many marks there were before it.
  mutating func fault(_ fault: SimulatedFault, after former: Int) {
    let part = fault.part
    self.story.marks.insert(
      Story.Mark(.fault, at: fault.begin.seconds, part.place, "\(fault)"), at: former)
    guard let kind = fault.spanKind else { return }
    self.story.spans.append(
      Story.Span(
        part.place, kind, "\(fault)", from: fault.begin.seconds, to: fault.end.seconds))
  }

  /// A state begins, and the one before it in the same row ends.
  mutating func begin(
    _ kind: Story.Span.Kind, _ text: String, in part: Part, at now: Nanoseconds
  ) {
    if let index = self.open[part] {
      let former = self.story.spans[index]
      if former.kind == kind, former.text == text { return }
    }
    self.end(in: part, at: now)
    self.open[part] = self.story.spans.count
    self.story.spans.append(Story.Span(part.place, kind, text, from: now.seconds))
  }

  mutating func end(in part: Part, at now: Nanoseconds) {
    if let index = self.open.removeValue(forKey: part) {
      self.story.spans[index].to = max(self.story.spans[index].from, now.seconds)
    }
  }

  /// The run is over, and with it all that lasts.
  mutating func close(at now: Nanoseconds) {
    self.story.length = now.seconds
    for index in self.story.spans.indices {
      self.story.spans[index].to = min(self.story.spans[index].to ?? now.seconds, now.seconds)
    }
    self.open = [:]
  }

  /// Something that is known only afterwards.
  mutating func add(
    _ kind: Story.Mark.Kind, _ text: String, by part: Part, at instant: Nanoseconds
  ) {
    let mark = Story.Mark(kind, at: instant.seconds, part.place, text)
    let index = self.story.marks.firstIndex { $0.at > mark.at } ?? self.story.marks.count
    self.story.marks.insert(mark, at: index)
  }
}

extension Timeline.Part {
  fileprivate var place: Story.Place {
    switch self {
    case .store(let row): Story.Place(lane: 0, row: Self.index(of: row))
    case .node(let node, let row): Story.Place(lane: 1 + node, row: Self.index(of: row))
    }
  }

  private static func index<Row: CaseIterable & Equatable>(of row: Row) -> Int
  where Row.AllCases.Index == Int {
    Row.allCases.firstIndex(of: row) ?? 0
  }
}

extension Nanoseconds {
  /// For a reader alone: whatever decides counts in whole nanoseconds.
  var seconds: Double { Double(self) / 1e9 }
}
