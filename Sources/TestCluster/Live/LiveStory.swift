import Elector
import Stories

/// What the live page shows, as a value: looks at a cluster go in, a story that goes on comes out.
///
/// It reads no clock; instants are seconds since the story's begin. It is bounded: what was over an hour ago is
/// forgotten, sooner if there is more of it than ``maximumSpans`` and ``maximumMarks``, and texts are cut at
/// ``maximumTextBytes``. A rule that was broken is never forgotten: the verdict stays.
package struct LiveStory: Sendable {
  /// How long a state or a mark that is over stays, in seconds.
  package static let memory: Double = 3600
  package static let maximumSpans = 8000
  package static let maximumMarks = 4000
  /// Of UTF-8: a holder's name comes from the store, and one character of it may be as long as a client likes.
  package static let maximumTextBytes = 240
  /// How long what was seen last counts as going on, in seconds.
  private static let silence: Double = 2

  /// Something that can change, and since which version of the story it is as it is.
  private struct Entry<Value: Codable & Equatable & Sendable>: Sendable {
    var number: Int
    var version: Int
    var value: Value
  }

  /// The story without its spans and marks.
  private var head: Story
  package let layout: LiveLayout
  private var spans: [Entry<Story.Span>] = []
  private var marks: [Entry<Story.Mark>] = []
  private var nextSpan = 0
  private var nextMark = 0
  private var version = 0
  /// What ended before is forgotten.
  private var oldest: Double = 0
  /// The number of the span that lasts in a row.
  private var lasting: [LiveRow: Int] = [:]
  private var stays: [StayKey: Int] = [:]
  private var overlaps: [OverlapKey: Int] = [:]
  private var looks = 0
  /// How often a rule was broken.
  package private(set) var violations = 0
  /// The last holder of each lease.
  private var terms: [Role: UInt64] = [:]
  /// When each lease ends without a renewal.
  private var ends: [Role: Double] = [:]
  private var lastEvent = 0

  private struct StayKey: Hashable, Sendable {
    var subject: PresenceLog.Subject
    var node: String
    var from: ContinuousClock.Instant
  }

  private struct OverlapKey: Hashable, Sendable {
    var subject: PresenceLog.Subject
    var nodes: [String]
    var from: ContinuousClock.Instant
  }

  /// - Parameters:
  ///   - began: the story's begin, in milliseconds of Unix time.
  ///   - lastEvent: the number of the cluster's last event before it.
  package init(
    title: String, layout: LiveLayout, facts: [String], began: Int64, lastEvent: Int = 0
  ) {
    self.layout = layout
    self.head = Story(title: title, lanes: layout.lanes)
    self.head.facts = facts
    self.head.began = began
    self.lastEvent = lastEvent
    self.judge()
  }

  /// Takes in what a look has found.
  /// - Parameter now: when it ended; time never goes back.
  package mutating func see(_ look: LiveLook, at now: Double) {
    self.version += 1
    self.head.length = max(self.head.length, now)
    let now = self.head.length
    switch look {
    case .processes(let states):
      for (row, state) in states.sorted(by: { $0.key.name < $1.key.name }) {
        self.set(row, state.kind, state.text, at: now)
      }
    case .leases(let leases, let records):
      for lease in leases { self.see(lease, records[lease.role], at: now) }
    case .presence(let log, let origin): self.see(log, origin: origin)
    case .events(let events, let origin):
      for event in events where event.number > self.lastEvent {
        self.lastEvent = event.number
        let lane = event.node.flatMap { self.layout.nodes[$0] }
        self.mark(
          event.isAction ? .fault : .event, at: (event.at - origin) / .seconds(1),
          lane.map { Story.Place(lane: $0, row: Story.Place.wholeLane) }, event.text)
      }
    case .told(let kind, let node, let text):
      let lane = node.flatMap { self.layout.nodes[$0] }
      self.mark(kind, at: now, lane.map { Story.Place(lane: $0, row: 0) }, text)
    }
    self.forget()
  }

  // MARK: - Leases

  private mutating func see(
    _ lease: ClusterStatus.Lease, _ record: TermRecord?, at now: Double
  ) {
    let role = lease.role
    if lease.problem != nil {
      // Without an answer nothing is renewed: a lease that was seen ends with its rest.
      guard let end = self.ends[role], end <= now else { return }
    }
    self.ends[role] = lease.ttlSeconds.map { now + Double($0) }
    if let holder = lease.holder, let term = lease.term, self.terms[role] != term {
      self.terms[role] = term
      self.mark(
        .event, at: now, self.layout.places[.lease(node: holder, role)],
        "\(holder) holds \(role.key), term \(term)")
    }
    for node in self.layout.nodes.keys.sorted() {
      let holds = lease.holder == node
      self.set(
        .lease(node: node, role), holds ? .lease : nil,
        lease.term.map { "term \($0)" } ?? "", at: now)
      if let record, record.isEnded, record.candidate.name == node {
        self.set(.record(node: node, role), .receipt, "of term \(record.term)", at: now)
      } else if holds, let record, !record.isEnded, record.term != lease.term {
        self.set(
          .record(node: node, role), .lockDelay, "for the pod of term \(record.term)", at: now)
      } else {
        self.set(.record(node: node, role), nil, "", at: now)
      }
    }
  }

  // MARK: - Pods and manifests

  private mutating func see(_ log: PresenceLog, origin: ContinuousClock.Instant) {
    self.looks = log.looks
    for stay in log.stays {
      let kind: Story.Span.Kind
      let text: String
      switch stay.subject {
      case .manifest(let role): (kind, text) = (.manifest, role.manifestName)
      case .pod(let role): (kind, text) = (.pod, role.podName)
      }
      let from = max(0, (stay.from - origin) / .seconds(1))
      let sure = (stay.to - origin) / .seconds(1)
      // What a silent kubelet runs is unknown: nothing is drawn until it is seen again.
      let to =
        stay.goneBy.map { ($0 - origin) / .seconds(1) }
        ?? (self.head.length - sure > Self.silence ? sure : nil)
      let key = StayKey(subject: stay.subject, node: stay.node, from: stay.from)
      if let number = self.stays[key] {
        Self.change(&self.spans, number, self.version) { $0.to = to.map { max(from, $0) } }
      } else if to.map({ $0 > self.oldest }) ?? true,
        let place = self.layout.places[LiveRow(stay.subject, on: stay.node)]
      {
        self.stays[key] = self.begin(Story.Span(place, kind, text, from: from, to: to))
        if kind == .pod { self.mark(.event, at: from, place, "\(text) runs on \(stay.node)") }
      }
    }
    for overlap in log.overlaps {
      let from = max(0, (overlap.from - origin) / .seconds(1))
      let key = OverlapKey(subject: overlap.subject, nodes: overlap.nodes, from: overlap.from)
      if let number = self.overlaps[key] {
        // It may have lasted longer meanwhile.
        Self.change(&self.marks, number, self.version) { $0.text = Self.cut(overlap.description) }
      } else if from >= self.oldest {
        self.violations += 1
        let row = LiveRow(overlap.subject, on: overlap.nodes.last ?? "")
        self.overlaps[key] = self.mark(
          .violation, at: from, self.layout.places[row], overlap.description)
      }
    }
    self.judge()
  }

  private mutating func judge() {
    self.head.isWrong = self.violations > 0
    self.head.verdict =
      self.violations > 0
      ? "Two at once: a pod or a manifest was on two nodes, \(self.violations) times."
      : "Never two: no pod and no manifest was on two nodes at once."
  }

  // MARK: - Spans and marks

  /// Sets the state of a row; `nil` ends what lasts.
  private mutating func set(
    _ row: LiveRow, _ kind: Story.Span.Kind?, _ text: String, at now: Double
  ) {
    let text = Self.cut(text)
    if let number = self.lasting[row] {
      let same = Self.index(of: number, in: self.spans).map { self.spans[$0].value }
      if let same, same.kind == kind, same.text == text { return }
      self.end(number, at: now)
      self.lasting[row] = nil
    }
    guard let kind, let place = self.layout.places[row] else { return }
    self.lasting[row] = self.begin(Story.Span(place, kind, text, from: now))
  }

  private mutating func begin(_ span: Story.Span) -> Int {
    defer { self.nextSpan += 1 }
    self.spans.append(Entry(number: self.nextSpan, version: self.version, value: span))
    return self.nextSpan
  }

  private mutating func end(_ number: Int, at end: Double) {
    Self.change(&self.spans, number, self.version) { $0.to = $0.to ?? max($0.from, end) }
  }

  private static func change<Value>(
    _ entries: inout [Entry<Value>], _ number: Int, _ version: Int,
    _ change: (inout Value) -> Void
  ) {
    guard let index = Self.index(of: number, in: entries) else { return }
    let before = entries[index].value
    change(&entries[index].value)
    if entries[index].value != before { entries[index].version = version }
  }

  /// Numbers only grow.
  private static func index<Value>(of number: Int, in entries: [Entry<Value>]) -> Int? {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && entries[low].number == number ? low : nil
  }

  @discardableResult
  private mutating func mark(
    _ kind: Story.Mark.Kind, at: Double, _ place: Story.Place?, _ text: String
  ) -> Int {
    defer { self.nextMark += 1 }
    let mark = Story.Mark(kind, at: max(0, at), place, Self.cut(text))
    self.marks.append(Entry(number: self.nextMark, version: self.version, value: mark))
    return self.nextMark
  }

  /// The begin of a text that is too long: whole characters, so none of one that is too long by itself.
  static func cut(_ text: String) -> String {
    guard text.utf8.count > Self.maximumTextBytes else { return text }
    let room = Self.maximumTextBytes - "…".utf8.count
    var bytes = 0
    let begin = text.prefix { character in
      bytes += character.utf8.count
      return bytes <= room
    }
    return "\(begin)…"
  }

  /// A lease whose texts, which any client of the store can write, are not too long.
  static func cut(_ lease: ClusterStatus.Lease) -> ClusterStatus.Lease {
    var lease = lease
    lease.holder = lease.holder.map { Self.cut($0) }
    lease.problem = lease.problem.map { Self.cut($0) }
    return lease
  }

  /// Forgets what was over an hour ago; of too many also later ones, the earliest first.
  private mutating func forget() {
    self.oldest = max(self.oldest, self.head.length - Self.memory)
    if self.spans.count > Self.maximumSpans {
      let ends = self.spans.compactMap(\.value.to).sorted()
      // A quarter goes at once, so that this is seldom done.
      let index = min(ends.count - 1, self.spans.count - Self.maximumSpans * 3 / 4)
      if index >= 0 { self.oldest = max(self.oldest, ends[index].nextUp) }
    }
    if self.marks.count > Self.maximumMarks {
      let instants = self.marks.map(\.value.at).sorted()
      self.oldest = max(self.oldest, instants[Self.maximumMarks / 4].nextUp)
    }
    let oldest = self.oldest
    guard
      self.spans.contains(where: { ($0.value.to ?? .infinity) < oldest })
        || self.marks.contains(where: { $0.value.at < oldest })
    else { return }
    self.spans.removeAll { ($0.value.to ?? .infinity) < oldest }
    self.marks.removeAll { $0.value.at < oldest }
    let known = Set(self.spans.map(\.number))
    self.stays = self.stays.filter { known.contains($0.value) }
    let marked = Set(self.marks.map(\.number))
    self.overlaps = self.overlaps.filter { marked.contains($0.value) }
  }

  // MARK: - What comes out

  /// What has changed since a version; all of it since 0.
  package func update(since version: Int) -> StoryUpdate {
    StoryUpdate(
      version: self.version, story: version == 0 ? self.head : nil, verdict: self.head.verdict,
      isWrong: self.head.isWrong, length: self.head.length, oldest: self.oldest,
      spans: self.spans.filter { version == 0 || $0.version > version }
        .map { .init($0.number, $0.value) },
      marks: self.marks.filter { version == 0 || $0.version > version }
        .map { .init($0.number, $0.value) })
  }

  /// A story of what is not forgotten, as a recording: it begins at the oldest instant.
  package var recording: Story {
    let begin = self.oldest
    var story = self.head
    story.verdict += " \(self.looks) looks were taken."
    story.length -= begin
    story.began = story.began.map { $0 + Int64(begin * 1000) }
    story.spans = self.spans.map { entry in
      var span = entry.value
      span.from = max(0, span.from - begin)
      span.to = span.to.map { $0 - begin }
      return span
    }
    story.marks = self.marks.map(\.value).sorted { $0.at < $1.at }.map { mark in
      var mark = mark
      mark.at -= begin
      return mark
    }
    return story
  }
}
