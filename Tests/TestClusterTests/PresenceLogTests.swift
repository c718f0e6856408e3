import Testing

@testable import TestCluster

@Suite struct PresenceLogTests {
  private let start = ContinuousClock.now
  private let pod = PresenceLog.Subject.pod(.scheduler)

  /// A log of looks that take 2 ms each: the node, the question's time in milliseconds, the answer.
  private func log(_ looks: [(String, Int, Bool?)]) -> PresenceLog {
    var log = PresenceLog()
    for (node, at, isPresent) in looks {
      let asked = self.start + .milliseconds(at)
      log.record(
        self.pod, on: node, isPresent: isPresent, asked: asked,
        answered: asked + .milliseconds(2))
    }
    return log
  }

  @Test func `a thing that moves is never in two places`() {
    let log = self.log([
      ("a", 0, true), ("b", 1, false), ("a", 20, true), ("b", 21, false), ("a", 40, false),
      ("b", 41, true), ("a", 60, false), ("b", 61, true),
    ])
    #expect(log.overlaps.isEmpty)
    #expect(log.stays.map(\.node) == ["a", "b"])
    #expect(log.looks == 8)
  }

  @Test func `a thing in two places is found, with how long it was there for sure`() {
    let log = self.log([
      ("a", 0, true), ("b", 10, true), ("a", 20, true), ("b", 30, true), ("a", 40, true),
      ("b", 50, false), ("a", 60, true),
    ])
    // On b from the first answer, at 12 ms, to the last question, at 30 ms.
    #expect(
      log.overlaps == [
        PresenceLog.Overlap(
          subject: self.pod, nodes: ["a", "b"], from: self.start + .milliseconds(12),
          duration: .milliseconds(18))
      ])
  }

  @Test func `two looks that each found it once prove nothing`() {
    // It may have ended on a right after the question and begun on b right before the answer.
    let log = self.log([("a", 0, true), ("b", 1, true), ("a", 20, false), ("b", 21, true)])
    #expect(log.overlaps.isEmpty)
  }

  @Test func `it may leave and come back`() {
    let log = self.log([
      ("a", 0, true), ("a", 20, false), ("b", 22, true), ("b", 40, true), ("b", 60, false),
      ("a", 62, true), ("a", 80, true),
    ])
    #expect(log.overlaps.isEmpty)
    #expect(log.stays.count == 3)
  }

  @Test func `silence ends no stay`() {
    let log = self.log([
      ("a", 0, true), ("a", 20, nil), ("b", 30, true), ("b", 50, true), ("a", 60, true),
    ])
    #expect(log.overlaps.map(\.duration) == [.milliseconds(18)])
  }

  @Test func `different things do not meet`() {
    var log = PresenceLog()
    for at in [0, 20, 40] {
      let asked = self.start + .milliseconds(at)
      for (subject, node) in [
        (PresenceLog.Subject.pod(.scheduler), "a"), (.pod(.controllerManager), "b"),
        (.manifest(.scheduler), "b"),
      ] {
        log.record(subject, on: node, isPresent: true, asked: asked, answered: asked)
      }
    }
    #expect(log.overlaps.isEmpty)
  }

  @Test func `an arrival is the first stay after an instant`() throws {
    let log = self.log([
      ("b", 0, true), ("b", 20, false), ("b", 40, true), ("b", 60, true),
    ])
    let stay = try #require(
      log.arrival(of: self.pod, on: "b", after: self.start + .milliseconds(30)))
    #expect(stay.from == self.start + .milliseconds(42))
    #expect(stay.to == self.start + .milliseconds(60))
    #expect(log.arrival(of: self.pod, on: "a", after: self.start) == nil)
  }

  @Test func `what is forgotten stays an overlap`() {
    var log = self.log([
      ("a", 0, true), ("b", 10, true), ("a", 20, true), ("b", 30, true), ("a", 40, true),
      ("b", 50, false), ("a", 60, false), ("a", 100, true),
    ])
    let before = log.overlaps
    #expect(before.count == 1)
    // After b's stay, before the end of a's first one; then after both.
    for milliseconds in [55, 90, 90] {
      log.forget(before: self.start + .milliseconds(milliseconds))
      #expect(log.overlaps == before)
    }
    #expect(log.stays.count == 1, "the stay that lasts is no past one")
  }
}
