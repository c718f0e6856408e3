import Testing

@testable import Elector

@Suite struct PodEndWatchTests {
  /// What a kubelet says, after how many seconds, and what follows; detection 1 s, grace 2 s.
  @Test(
    arguments: [
      // Not seen yet is not ended.
      [(false, 0.1, "ask")],
      [(true, 0.1, "ask"), (false, 0.2, "ask"), (false, 0.3, "ended")],
      // A moment between two containers.
      [(true, 0.1, "ask"), (false, 0.2, "ask"), (true, 0.3, "ask"), (false, 0.4, "ask")],
      // By now it has noticed that the file is gone.
      [(false, 1, "ask"), (false, 1.1, "ended")],
      // It cannot be asked: by all that is known it has killed the pod.
      [(nil, 2.9, "ask"), (nil, 3, "ended")],
      // It goes on listing it.
      [(true, 3, "ask"), (true, 7.9, "ask"), (true, 8, "overdue")],
      [(true, 3, "ask"), (nil, 7.9, "ask"), (nil, 8, "overdue")],
    ] as [[(Bool?, Double, String)]])
  func whatIsHeardDecides(answers: [(Bool?, Double, String)]) {
    var watch = PodEndWatch(detection: .seconds(1), grace: .seconds(2))
    for (isRunning, seconds, expected) in answers {
      let step = watch.heard(isRunning: isRunning, after: .seconds(seconds))
      #expect("\(step)".hasPrefix(expected), "after \(seconds) s")
    }
  }

  @Test func theLongerItTakesTheRarerAreTheQuestions() {
    var watch = PodEndWatch(detection: .seconds(1), grace: .seconds(30))
    #expect(watch.heard(isRunning: true, after: .zero) == .ask(after: .milliseconds(10)))
    #expect(watch.heard(isRunning: true, after: .seconds(2)) == .ask(after: .milliseconds(100)))
    #expect(watch.heard(isRunning: true, after: .seconds(20)) == .ask(after: .milliseconds(200)))
  }
}
