import Elector
import Stories
import Testing

@testable import TestCluster

/// What the live page shows, without a clock and a cluster.
struct LiveStoryTests {
  private let origin = ContinuousClock.now

  private func story(masters: Int = 2) -> LiveStory {
    LiveStory(
      title: "t", layout: LiveLayout(ClusterConfiguration(masters: masters)), facts: ["f"],
      began: 1_700_000_000_000, lastEvent: 5)
  }

  private func lease(
    _ holder: String?, term: UInt64? = nil, rest: Int64? = 3, problem: String? = nil
  )
    -> ClusterStatus.Lease
  {
    .init(
      role: .scheduler, holder: holder, ttlSeconds: holder == nil ? nil : rest, term: term,
      problem: problem)
  }

  private func record(_ term: UInt64, of node: String, ended: Bool) -> [Role: TermRecord] {
    [
      .scheduler: TermRecord(
        term: term, isEnded: ended, candidate: Candidate(name: node), podOutlivesLease: .zero)
    ]
  }

  /// The states of a row, one by one.
  private func states(_ story: LiveStory, _ row: LiveRow) -> [String] {
    story.update(since: 0).spans.map(\.value).filter { $0.place == story.layout.places[row] }
      .map { "\($0.kind) '\($0.text)' \($0.from)-\($0.to.map { "\($0)" } ?? "")" }
  }

  private func marks(_ story: LiveStory) -> [String] {
    story.update(since: 0).marks.map { "\($0.value.kind) \($0.value.at) \($0.value.text)" }
  }

  @Test func aLeaseIsShownFromOneHolderToTheNext() {
    var story = self.story()
    story.see(.leases([self.lease("kube-master1", term: 4)], records: [:]), at: 1)
    story.see(.leases([self.lease("kube-master1", term: 4)], records: [:]), at: 2)
    story.see(.leases([self.lease(nil)], records: [:]), at: 3)
    story.see(.leases([self.lease("kube-master2", term: 9)], records: [:]), at: 4)
    #expect(
      self.states(story, .lease(node: "kube-master1", .scheduler)) == ["lease 'term 4' 1.0-3.0"])
    #expect(
      self.states(story, .lease(node: "kube-master2", .scheduler)) == ["lease 'term 9' 4.0-"])
    #expect(
      self.marks(story) == [
        "event 1.0 kube-master1 holds scheduler, term 4",
        "event 4.0 kube-master2 holds scheduler, term 9",
      ])
  }

  /// A store that does not answer renews nothing either.
  @Test func aLeaseThatCannotBeReadEndsWithItsRest() {
    var story = self.story()
    let silence = LiveLook.leases([self.lease(nil, problem: "no answer")], records: [:])
    story.see(.leases([self.lease("kube-master1", term: 4, rest: 3)], records: [:]), at: 1)
    story.see(silence, at: 3.9)
    #expect(
      self.states(story, .lease(node: "kube-master1", .scheduler)) == ["lease 'term 4' 1.0-"])
    story.see(silence, at: 4.1)
    #expect(
      self.states(story, .lease(node: "kube-master1", .scheduler)) == ["lease 'term 4' 1.0-4.1"])
  }

  @Test func aWinnerWaitsUntilItsOwnRecordStandsThere() {
    var story = self.story()
    let held = [self.lease("kube-master2", term: 9)]
    story.see(.leases(held, records: self.record(4, of: "kube-master1", ended: false)), at: 1)
    story.see(.leases(held, records: self.record(9, of: "kube-master2", ended: false)), at: 3)
    #expect(
      self.states(story, .record(node: "kube-master2", .scheduler)) == [
        "lockDelay 'for the pod of term 4' 1.0-3.0"
      ])
  }

  @Test func aReceiptIsShownInTheLaneOfItsWriter() {
    var story = self.story()
    let receipt = self.record(4, of: "kube-master1", ended: true)
    story.see(.leases([self.lease(nil)], records: receipt), at: 1)
    story.see(.leases([self.lease("kube-master2", term: 9)], records: receipt), at: 2)
    story.see(
      .leases(
        [self.lease("kube-master2", term: 9)],
        records: self.record(9, of: "kube-master2", ended: false)), at: 3)
    #expect(
      self.states(story, .record(node: "kube-master1", .scheduler)) == [
        "receipt 'of term 4' 1.0-3.0"
      ])
    #expect(self.states(story, .record(node: "kube-master2", .scheduler)).isEmpty)
  }

  @Test func processesLiveStandStillAndEnd() {
    var story = self.story()
    let row = LiveRow.process(node: "kube-master1", .kubelet)
    for (at, state) in [
      (0.0, ProcessState(.alive, "process 7")), (1, ProcessState(.alive, "process 7")),
      (2, ProcessState(.stopped, "process 7")), (3, ProcessState(.down)),
      (4, ProcessState(.alive, "process 8")), (5, ProcessState(.alive, "process 9")),
    ] {
      story.see(.processes([row: state]), at: at)
    }
    #expect(
      self.states(story, row) == [
        "alive 'process 7' 0.0-2.0", "stopped 'process 7' 2.0-3.0", "down '' 3.0-4.0",
        "alive 'process 8' 4.0-5.0", "alive 'process 9' 5.0-",
      ])
  }

  private func log(_ looks: [(String, Int, Bool)]) -> PresenceLog {
    var log = PresenceLog()
    for (node, at, isPresent) in looks {
      let instant = self.origin + .milliseconds(at)
      log.record(
        .pod(.scheduler), on: node, isPresent: isPresent, asked: instant, answered: instant)
    }
    return log
  }

  @Test func aPodMovesAndTheVerdictStaysGood() {
    var story = self.story()
    var looks = [("kube-master1", 1000, true), ("kube-master1", 2000, false)]
    story.see(.presence(self.log(looks), origin: self.origin), at: 2.5)
    looks += [("kube-master2", 3000, true)]
    story.see(.presence(self.log(looks), origin: self.origin), at: 3.5)
    #expect(
      self.states(story, .pod(node: "kube-master1", .scheduler)) == [
        "pod 'kube-scheduler' 1.0-2.0"
      ])
    #expect(
      self.states(story, .pod(node: "kube-master2", .scheduler)) == ["pod 'kube-scheduler' 3.0-"])
    #expect(story.violations == 0 && !story.update(since: 0).isWrong)
    #expect(story.recording.verdict.hasPrefix("Never two"))
  }

  /// Between its last look and its next one it may have ended, and started again.
  @Test func whatASilentKubeletRunsIsNotDrawn() {
    var story = self.story()
    let looks = [("kube-master1", 1000, true), ("kube-master1", 2000, true)]
    let row = LiveRow.pod(node: "kube-master1", .scheduler)
    for (now, state) in [(2.5, "1.0-"), (10.0, "1.0-2.0")] {
      story.see(.presence(self.log(looks), origin: self.origin), at: now)
      #expect(self.states(story, row) == ["pod 'kube-scheduler' \(state)"])
    }
    let later = self.log(looks + [("kube-master1", 11_000, true)])
    story.see(.presence(later, origin: self.origin), at: 11.5)
    #expect(self.states(story, row) == ["pod 'kube-scheduler' 1.0-"])
  }

  @Test func twoPodsAtOnceAreMarkedOnceAndNeverForgotten() {
    var story = self.story()
    var looks = [
      ("kube-master1", 1000, true), ("kube-master2", 1500, true), ("kube-master1", 2000, true),
      ("kube-master2", 2500, true),
    ]
    for _ in 0..<3 { story.see(.presence(self.log(looks), origin: self.origin), at: 3) }
    let short = self.marks(story).filter { $0.hasPrefix("violation") }
    #expect(short.count == 1 && short[0].hasPrefix("violation 1.5 "))
    looks += [("kube-master1", 4000, true), ("kube-master2", 4100, true)]
    story.see(.presence(self.log(looks), origin: self.origin), at: 5)
    let long = self.marks(story).filter { $0.hasPrefix("violation") }
    #expect(long.count == 1 && long != short, "it has lasted longer since")
    for now in [9000.0, 9001] {
      story.see(.presence(self.log(looks), origin: self.origin), at: now)
    }
    #expect(!self.marks(story).contains { $0.hasPrefix("violation") })
    #expect(story.violations == 1 && story.update(since: 0).isWrong)
    #expect(story.update(since: 0).verdict.hasPrefix("Two at once"))
  }

  @Test func eachEventIsMarkedOnceAndAVerbAsOne() {
    var story = self.story()
    func event(_ number: Int, _ text: String, isAction: Bool) -> ClusterEvent {
      ClusterEvent(
        number: number, at: self.origin + .seconds(number), node: "kube-master2",
        isAction: isAction, text: text)
    }
    let events = [
      event(5, "before the page", isAction: true),
      event(6, "kill -9 of kube-master2", isAction: true),
      event(7, "kube-master2 is down", isAction: false),
    ]
    for count in 1...3 {
      story.see(.events(Array(events.prefix(count)), origin: self.origin), at: 10)
    }
    #expect(
      self.marks(story) == ["fault 6.0 kill -9 of kube-master2", "event 7.0 kube-master2 is down"])
    #expect(story.update(since: 0).marks.allSatisfy { $0.value.place?.lane == 2 })
  }

  @Test func anUpdateHasOnlyWhatChanged() throws {
    var story = self.story()
    let row = LiveRow.process(node: "kube-master1", .kubelet)
    let other = LiveRow.process(node: "kube-master2", .kubelet)
    story.see(.processes([row: ProcessState(.alive), other: ProcessState(.alive)]), at: 1)
    let first = story.update(since: 0)
    #expect(first.story?.lanes.count == 3 && first.spans.count == 2)
    #expect(story.update(since: first.version).spans.isEmpty)
    story.see(.processes([row: ProcessState(.stopped)]), at: 2)
    let second = story.update(since: first.version)
    // The end of one and the begin of the next.
    try #require(second.story == nil && second.spans.map(\.value.kind) == [.alive, .stopped])
    let begun = first.spans.first { $0.value.place == story.layout.places[row] }
    #expect(second.spans[0].number == begun?.number && second.spans[0].value.to == 2)
    // A reader that missed the second one gets it with the third.
    story.see(.processes([row: ProcessState(.down)]), at: 3)
    #expect(story.update(since: first.version).spans.count == 3)
  }

  @Test func whatWasOverAnHourAgoIsForgotten() {
    var story = self.story()
    let row = LiveRow.process(node: "kube-master1", .kubelet)
    let other = LiveRow.process(node: "kube-master2", .kubelet)
    story.see(
      .processes([row: ProcessState(.alive, "1"), other: ProcessState(.alive, "2")]), at: 0)
    story.see(.processes([row: ProcessState(.down)]), at: 100)
    story.see(.processes([row: ProcessState(.alive, "3")]), at: 200)
    story.see(.processes([row: ProcessState(.alive, "3")]), at: 3750)
    #expect(self.states(story, row) == ["down '' 100.0-200.0", "alive '3' 200.0-"])
    #expect(self.states(story, other) == ["alive '2' 0.0-"], "it lasts")
    let recording = story.recording
    #expect(story.update(since: 0).oldest == 150)
    #expect(recording.length == 3600 && recording.began == 1_700_000_150_000)
    #expect(recording.spans.allSatisfy { $0.from >= 0 && ($0.to ?? 3600) <= 3600 })
  }

  /// A holder's name is what a client of the store has written.
  @Test func textsAreCutInBytesBetweenCharacters() {
    let marks = String(repeating: "\u{301}", count: 5000)
    #expect(LiveStory.cut("kube-master1") == "kube-master1")
    #expect(LiveStory.cut(String(repeating: "\u{E9}", count: 120)).count == 120)
    let long = LiveStory.cut(String(repeating: "\u{E9}", count: 121))
    #expect(long == String(repeating: "\u{E9}", count: 118) + "…")
    #expect(LiveStory.cut("kube-master1\(marks) and more") == "kube-master…")
    #expect(LiveStory.cut("a\(marks)") == "…")
    let lease = LiveStory.cut(self.lease("kube-master1\(marks)", term: 4, problem: "e\(marks)"))
    #expect(lease == self.lease("kube-master…", term: 4, problem: "…"))
  }

  /// A process that dies a hundred times a second, with a long story to tell.
  @Test func aStormOfChangesStaysBounded() {
    var story = self.story()
    let row = LiveRow.process(node: "kube-master1", .kubelet)
    // Characters of many bytes.
    let text = String(
      repeating: "lo" + String(repeating: "\u{301}", count: 20) + "ng ", count: 1000)
    for count in 0..<20_000 {
      story.see(
        .processes([row: ProcessState(count % 2 == 0 ? .alive : .down, text)]),
        at: Double(count) / 100)
      let event = ClusterEvent(
        number: count + 6, at: self.origin + .milliseconds(10 * count), isAction: false, text: text)
      story.see(.events([event], origin: self.origin), at: Double(count) / 100)
    }
    let all = story.update(since: 0)
    #expect(all.spans.count <= LiveStory.maximumSpans && all.spans.count > 1000)
    #expect(all.marks.count <= LiveStory.maximumMarks && all.marks.count > 1000)
    let texts = all.spans.map(\.value.text) + all.marks.map(\.value.text)
    #expect(texts.allSatisfy { $0.utf8.count <= LiveStory.maximumTextBytes })
    #expect(all.marks.last?.value.at == 199.99, "the latest ones stay")
  }

  @Test func aStoresFiguresAreThoseOfBothAPIs() {
    let figures = StoreFigures(
      metrics: """
        # HELP kvstore_index The index of the last change.
        kvstore_index 12
        etcd_debugging_mvcc_current_revision 34
        etcd_debugging_store_reads_total{action="get"} 100
        etcd_debugging_store_writes_total{action="set"} 20
        grpc_server_started_total{grpc_method="Range",grpc_service="etcdserverpb.KV"} 3
        grpc_server_handled_total{grpc_code="OK"} 1000
        etcd_disk_wal_fsync_duration_seconds_sum NaN
        """)
    #expect(figures.index == 12 && figures.revision == 34 && figures.requests == 123)
  }

  /// JSON has no infinity: a message with one would end the stream.
  @Test func aRateThatIsNoNumberIsNone() {
    func figures(_ reads: String) -> StoreFigures {
      StoreFigures(metrics: "etcd_debugging_store_reads_total{action=\"get\"} \(reads)")
    }
    #expect(figures("+Inf").requests == 0 && figures("NaN").requests == 0)
    let earlier = figures("100")
    #expect(figures("300").requestsPerSecond(since: earlier, seconds: 2) == 100)
    #expect(figures("99").requestsPerSecond(since: earlier, seconds: 2) == nil, "it began anew")
    #expect(figures("300").requestsPerSecond(since: earlier, seconds: 0) == nil)
    #expect(figures("1e308").requestsPerSecond(since: figures("-1e308"), seconds: 1) == nil)
  }
}
