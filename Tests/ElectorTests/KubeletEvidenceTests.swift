import AsyncHTTPClient
import Elector
import FakeKubelet
import Foundation
import KubernetesClient
import Logging
import ServiceLifecycle
import TestSupport
import Testing

/// An election beside a kubelet of ours that does as a real one does.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct KubeletEvidenceTests {
  private static let pod = """
    apiVersion: v1
    kind: Pod
    metadata: {name: s, annotations: {pretend.zweimaster.dev/stop-after: 500ms}}
    spec:
      terminationGracePeriodSeconds: 2
      containers: [{name: s, image: "s:1"}]

    """

  /// Stops an elector once its pod runs, and waits for its end. The kubelet notices the removal of a young pod late,
  /// as a real one does.
  /// - Parameter url: from the kubelet's full port, how the elector knows it.
  /// - Returns: the elector's log.
  private func stop(
    _ store: MemoryStore, _ adjust: (inout FakeKubeletConfiguration) -> Void = { _ in },
    kubelet: (String) -> NodeKubelet
  ) async throws -> [String] {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    try fixture.write(Self.pod)
    var configuration = FakeKubeletConfiguration(
      manifestDirectory: fixture.destination.deletingLastPathComponent().path, nodeName: "n1")
    (configuration.port, configuration.readOnlyPort) = (0, 0)
    configuration.youngPodDelay = .seconds(1.5)
    adjust(&configuration)
    let lines = LogLines()
    let quiet = Logger(label: "kubelet") { _ in SwiftLogNoOpLogHandler() }
    try await FakeKubelet.withRunning(configuration, logger: quiet) { addresses in
      let known = kubelet(addresses.main)
      let podStop = PodStop(detection: .zero, youngDetection: .seconds(2), grace: .seconds(2))
      let service = try fixture.election(store, kubelet: known, podStop: podStop, lines)
      let group = ServiceGroup(
        configuration: .init(
          services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
          logger: quiet))
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        try await eventually("the pod runs") { try await Self.lists(addresses.main) }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
      }
      #expect(fixture.installed == nil)
    }
    return lines.all
  }

  /// Whether the kubelet runs a pod.
  private static func lists(_ url: String) async throws -> Bool {
    let answer = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: "\(url)/runningpods/"), timeout: .seconds(30))
    return String(buffer: try await answer.body.collect(upTo: 1 << 20)).contains("\"s-n1\"")
  }

  private static let left = "the lock is left to expire"

  /// It was restarted without its API server, and the pod runs on.
  @Test func aKubeletThatKeepsOrphansMakesNoReceiptAndIsTold() async throws {
    let store = MemoryStore()
    let log = try await self.stop(
      store,
      { configuration in
        var settings = FakeKubeletAPIServers(servers: [APIServer(url: "http://127.0.0.1:1")])
        (settings.registersNode, settings.keepsOrphans) = (false, true)
        configuration.apiServers = settings
      }, kubelet: { NodeKubelet(Kubelet(url: $0)) })
    #expect(log.contains { $0.contains("it does not follow its directory") })
    #expect(log.contains { $0.hasPrefix(Self.left) })
    #expect(store.record?.isEnded == false)
    #expect(store.holder != nil)
  }

  /// It notices the removal of a young pod late. Its receipt says what is so.
  @Test func aYoungPodsReceiptWaitsForItsEnd() async throws {
    let begin = ContinuousClock.now
    let store = MemoryStore()
    _ = try await self.stop(store, kubelet: { NodeKubelet(Kubelet(url: $0)) })
    #expect(store.record?.isEnded == true)
    #expect(store.holder == nil)
    #expect(ContinuousClock.now - begin >= .seconds(2))
  }

  /// No flag names it: it counts once it has listed the pod, and a stranger's never does.
  @Test(arguments: [true, false]) func aKubeletThatIsFoundMakesAReceipt(isOurs: Bool) async throws {
    try await ScriptedServer.with({ _ in .answer(200, [:], #"{"items":[]}"#) }) { stranger in
      let store = MemoryStore()
      let log = try await self.stop(store) { url in
        NodeKubelet(
          oneOf: (["http://127.0.0.1:1", stranger.url] + (isOurs ? [url] : [])).map {
            Kubelet(url: $0)
          })
      }
      #expect(store.record?.isEnded == isOurs)
      #expect((store.holder == nil) == isOurs)
      #expect(log.contains { $0.hasPrefix(Self.left) } == !isOurs)
      #expect(log.contains { $0.hasPrefix("no --kubelet is given") })
    }
  }
}
