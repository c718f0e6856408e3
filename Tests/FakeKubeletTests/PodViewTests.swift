import Foundation
import TestSupport
import Testing

@testable import FakeKubelet

/// The kubelet as a library: a directory, and no ports.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct PodViewTests {
  @Test func whatHappensToAPodIsToldOneByOne() async throws {
    try await withDirectory { directory in
      let file = directory.appending(path: "web.yaml")
      func write(_ text: String) throws {
        try Data(text.utf8).write(to: file, options: .atomic)
      }
      try await FakeKubelet.withPods(of: directory.path, nodeName: "n1") { kubelet in
        #expect(kubelet.pods.isEmpty)
        try write(Fixtures.pod(annotations: ["pretend.zweimaster.dev/stop-after": "50ms"]))
        var told: [String] = []
        var first: String?
        for await change in kubelet.changes {
          let pod = change.pod
          #expect(pod.name.name == "web-n1")
          switch change {
          case .appeared: told.append("appeared \(pod.phase)")
          case .changed where pod.isEnding: told.append("ending")
          case .changed: told.append("\(pod.phase) \(pod.isReady)")
          case .gone: told.append("gone")
          }
          if told.last == "running true", first == nil {
            first = pod.uid
            #expect(pod.running == ["main"])
            #expect(kubelet.pods == [pod])
            try FileManager.default.removeItem(at: file)
          }
          if case .gone = change { break }
        }
        #expect(told == ["appeared pending", "running true", "ending", "gone"])
        #expect(kubelet.pods.isEmpty)
      }
    }
  }

  /// The terminating pod and the waiting pod have one name.
  @Test func anotherUidIsAnotherPod() throws {
    let manifest = try Fixtures.manifest(uid: "a")
    let other = try Fixtures.manifest(uid: "b")
    var workers = PodWorkers()
    var views = [workers.views]
    for event: PodWorkers.Event in [
      .changed(added: [manifest]), .changed(removed: [manifest.name], added: [other]),
    ] {
      _ = workers.handle(event, at: .at(0))
      views.append(workers.views)
    }
    #expect(views.map { $0.map(\.uid) } == [[], ["a"], ["a", "b"]])
    #expect(views[2].map(\.isEnding) == [true, false])
    #expect(PodChange.between(views[0], views[1]) == [.appeared(views[1][0])])
    #expect(
      PodChange.between(views[1], views[2]) == [.changed(views[2][0]), .appeared(views[2][1])])
    #expect(PodChange.between(views[2], [views[2][1]]) == [.gone(views[2][0])])
    #expect(PodChange.between(views[2], views[2]) == [])
  }

  @Test func changesEndWithTheKubelet() async throws {
    try await withDirectory { directory in
      let changes = try await FakeKubelet.withPods(of: directory.path) { $0.changes }
      for await _ in changes { Issue.record("there is no pod") }
    }
  }
}
