import TestSupport
import Testing

@testable import Elector

@Suite struct PodEndWatchTests {
  /// A kubelet's answers with their seconds, and the next steps; detection 1 s, grace 2 s.
  @Test(
    arguments: [
      // A pod that was not seen yet has not ended.
      [(false, 0.1, "ask")],
      [(true, 0.1, "ask"), (false, 0.2, "ask"), (false, 0.3, "ended")],
      // A moment between two containers.
      [(true, 0.1, "ask"), (false, 0.2, "ask"), (true, 0.3, "ask"), (false, 0.4, "ask")],
      // By now the kubelet has noticed the removal.
      [(false, 1, "ask"), (false, 1.1, "ended")],
      // Silence is no proof: without its kubelet a container runs on.
      [(nil, 2.9, "ask"), (nil, 3, "ask"), (nil, 7.9, "ask"), (nil, 8, "unproven")],
      [(true, 0.1, "ask"), (nil, 3, "ask"), (nil, 8, "unproven")],
      [(false, 1, "ask"), (nil, 3, "ask"), (nil, 8, "unproven")],
      // The kubelet is back, and lists nothing.
      [(true, 0.1, "ask"), (nil, 3, "ask"), (false, 4, "ask"), (false, 4.1, "ended")],
      // The kubelet still lists it.
      [(true, 3, "ask"), (true, 7.9, "ask"), (true, 8, "overdue")],
    ] as [[(Bool?, Double, String)]])
  func whatIsHeardDecides(answers: [(Bool?, Double, String)]) {
    var watch = PodEndWatch(detection: .seconds(1), grace: .seconds(2), isOnlyOne: true)
    for (isListed, seconds, expected) in answers {
      let step = watch.heard(isListed: isListed, after: .seconds(seconds))
      #expect("\(step)".hasPrefix(expected), "after \(seconds) s")
    }
  }

  /// It may be another one's kubelet, of another directory.
  @Test(
    arguments: [
      [(false, 0.1, "ask"), (false, 0.9, "ask"), (false, 1, "unproven")],
      [(nil, 0.1, "unproven")],
      [(true, 0.1, "ask"), (false, 0.2, "ask"), (false, 0.3, "ended")],
    ] as [[(Bool?, Double, String)]])
  func aKubeletThatHasNotListedThePodSaysNothing(answers: [(Bool?, Double, String)]) {
    var watch = PodEndWatch(
      detection: .seconds(1), grace: .seconds(2), isOnlyOne: true, isKnown: false)
    for (isListed, seconds, expected) in answers {
      let step = watch.heard(isListed: isListed, after: .seconds(seconds))
      #expect("\(step)".hasPrefix(expected), "after \(seconds) s")
    }
  }

  @Test func theLongerItTakesTheRarerAreTheQuestions() {
    var watch = PodEndWatch(detection: .seconds(1), grace: .seconds(30), isOnlyOne: true)
    #expect(watch.heard(isListed: true, after: .zero) == .ask(after: .milliseconds(10)))
    #expect(watch.heard(isListed: true, after: .seconds(2)) == .ask(after: .milliseconds(100)))
    #expect(watch.heard(isListed: true, after: .seconds(20)) == .ask(after: .milliseconds(200)))
  }

  @Test func aPodThatMayBeFollowedByAnotherOneHasNotEndedBeforeTheKubeletHasNoticed() {
    var watch = PodEndWatch(detection: .seconds(1), grace: .seconds(30), isOnlyOne: false)
    for (isListed, seconds) in [(true, 0.1), (false, 0.2), (false, 0.3), (false, 0.9)] {
      let step = watch.heard(isListed: isListed, after: .seconds(seconds))
      #expect("\(step)".hasPrefix("ask"), "after \(seconds) s")
    }
    _ = watch.heard(isListed: false, after: .seconds(1))
    #expect(watch.heard(isListed: false, after: .seconds(1.1)) == .ended)
  }

  @Test func onePodIsTheOnlyOneIfItsPredecessorHadEnded() {
    var pods = InstalledPods()
    pods.installed()
    // An earlier process's pod is unknown.
    #expect(!pods.hasOnlyOne)
    let first = pods.count
    pods.ended(upTo: first)
    pods.installed()
    #expect(pods.hasOnlyOne)
    pods.installed()
    #expect(!pods.hasOnlyOne)
    // The late end of the first pod says nothing of later ones.
    pods.ended(upTo: first)
    pods.installed()
    #expect(!pods.hasOnlyOne)
    pods.ended(upTo: pods.count)
    pods.installed()
    #expect(pods.hasOnlyOne)
  }
}

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct KubeletTests {
  /// What is no list of pods is no evidence that a pod has ended.
  @Test(arguments: [
    ("{}", true), (#"{"items":null}"#, true), (#"{"items":[]}"#, true),
    (#"{"items":[{"metadata":{"name":"s"}}]}"#, true),
    (#"{"items":[{"metadata":{"name":"s","namespace":"kube-system"}}]}"#, true),
    ("[]", false), (#""ok""#, false), ("<html>", false), ("", false), (#"{"items":"x"}"#, false),
    (#"{"items":["x"]}"#, false), (#"{"items":[{}]}"#, false),
    (#"{"items":[{"metadata":{"name":7}}]}"#, false),
    (#"{"items":[{"metadata":{"name":"s","namespace":7}}]}"#, false),
  ]) func onlyAListOfPodsIsAnAnswer(_ body: String, _ isOne: Bool) async throws {
    try await ScriptedServer.with({ _ in .answer(200, [:], body) }) { server in
      #expect((await Kubelet(url: server.url).trouble() == nil) == isOne)
    }
  }

  /// Another server's list says nothing about this kubelet's pods.
  @Test func aRedirectIsNoAnswer() async throws {
    try await ScriptedServer.with({ _ in .answer(200, [:], #"{"items":[]}"#) }) { other in
      let location = ["Location": "\(other.url)/runningpods/"]
      try await ScriptedServer.with({ _ in .answer(307, location, "") }) { server in
        #expect(await Kubelet(url: server.url).trouble() != nil)
        #expect(other.requests.isEmpty)
      }
    }
  }
}
