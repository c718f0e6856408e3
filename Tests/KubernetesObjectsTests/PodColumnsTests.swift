import KubernetesObjects
import TestSupport
import Testing

/// READY, STATUS and RESTARTS, case by case.
@Suite struct PodColumnsTests {
  /// The relevant part of a pod, and its columns.
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var pod: String
    var ready: String
    var status: String
    var restarts = "0"

    init(_ name: String, _ pod: String, _ ready: String, _ status: String, restarts: String = "0") {
      self.testDescription = name
      self.pod = pod
      self.ready = ready
      self.status = status
      self.restarts = restarts
    }
  }

  private static let running = "{ready: true, state: {running: {}}}"

  /// A pod with one container of this status.
  private static func pod(_ phase: String, _ status: String) -> String {
    "{spec: {containers: [{}]}, status: {phase: \(phase), containerStatuses: [\(status)]}}"
  }

  /// A pod with one init container in this state.
  private static func initial(_ state: String) -> String {
    """
    {spec: {initContainers: [{name: a}], containers: [{}]},
     status: {phase: Pending, initContainerStatuses: [{name: a, \(state)}]}}
    """
  }

  static let plain: [Case] = [
    Case("nothing is known", "{spec: {containers: [{name: a}]}}", "0/1", ""),
    Case(
      "the phase", "{spec: {containers: [{name: a}]}, status: {phase: Pending}}", "0/1", "Pending"),
    Case(
      "the pod's reason stands above its phase",
      "{spec: {containers: [{}]}, status: {phase: Failed, reason: Evicted}}", "0/1", "Evicted"),
    Case(
      "gates keep it from being scheduled",
      """
      {spec: {containers: [{}]}, status: {phase: Pending,
       conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]}}
      """, "0/1", "SchedulingGated"),
    Case(
      "all run",
      """
      {spec: {containers: [{}, {}]}, status: {phase: Running, containerStatuses: [\(running), \(running)]}}
      """, "2/2", "Running"),
    Case(
      "running and not ready",
      """
      {spec: {containers: [{}, {}]}, status: {phase: Running,
       containerStatuses: [\(running), {ready: false, state: {running: {}}}]}}
      """, "1/2", "Running"),
    Case(
      "ready counts only while it runs",
      Self.pod("Running", "{ready: true}"),
      "0/1", "Running"),
    Case(
      "a container that waits",
      Self.pod("Pending", "{state: {waiting: {reason: ContainerCreating}}}"), "0/1",
      "ContainerCreating"),
    Case(
      "a container that waits and does not say why",
      Self.pod("Pending", "{state: {waiting: {}}}"),
      "0/1", "Pending"),
    Case(
      "the first container that has something to say decides",
      """
      {spec: {containers: [{}, {}, {}]}, status: {phase: Running, containerStatuses: [\(running),
       {state: {waiting: {reason: CrashLoopBackOff}}}, {state: {waiting: {reason: ImagePullBackOff}}}]}}
      """, "1/3", "CrashLoopBackOff"),
    Case(
      "an end with a reason",
      Self.pod("Failed", "{state: {terminated: {exitCode: 1, reason: Error}}}"), "0/1", "Error"),
    Case(
      "an end with a signal",
      Self.pod("Failed", "{state: {terminated: {exitCode: 137, signal: 9}}}"), "0/1", "Signal:9"),
    Case(
      "an end with a code",
      Self.pod("Failed", "{state: {terminated: {exitCode: 3, reason: ''}}}"), "0/1", "ExitCode:3"),
    Case(
      "all have done their work",
      Self.pod("Succeeded", "{state: {terminated: {exitCode: 0, reason: Completed}}}"), "0/1",
      "Completed"),
    Case(
      "one has done its work, the other runs, and the pod is ready",
      """
      {spec: {containers: [{}, {}]}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}],
       containerStatuses: [{state: {terminated: {exitCode: 0, reason: Completed}}}, \(running)]}}
      """, "1/2", "Running"),
    Case(
      "one has done its work, the other runs, and the pod is not ready",
      """
      {spec: {containers: [{}, {}]}, status: {phase: Running, conditions: [{type: Ready, status: 'False'}],
       containerStatuses: [{state: {terminated: {exitCode: 0, reason: Completed}}}, \(running)]}}
      """, "1/2", "NotReady"),
    Case(
      "it is being deleted",
      """
      {metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'},
       spec: {containers: [{}]}, status: {phase: Running, containerStatuses: [\(running)]}}
      """, "1/1", "Terminating"),
    Case(
      "it is being deleted and had ended before",
      """
      {metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'}, spec: {containers: [{}]},
       status: {phase: Failed, containerStatuses: [{state: {terminated: {exitCode: 1, reason: Error}}}]}}
      """, "0/1", "Error"),
    Case(
      "it is being deleted and its node is lost",
      """
      {metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'},
       spec: {containers: [{}]}, status: {phase: Running, reason: NodeLost}}
      """, "0/1", "Unknown"),
    Case(
      "its node is lost",
      "{spec: {containers: [{}]}, status: {phase: Running, reason: NodeLost}}", "0/1", "NodeLost"),
  ]

  static let initContainers: [Case] = [
    Case(
      "the first init container runs",
      """
      {spec: {initContainers: [{name: a}, {name: b}], containers: [{}]}, status: {phase: Pending,
       initContainerStatuses: [{name: a, state: {running: {}}}, {name: b, state: {waiting: {reason: PodInitializing}}}],
       containerStatuses: [{state: {waiting: {reason: PodInitializing}}}]}}
      """, "0/1", "Init:0/2"),
    Case(
      "the second init container is about to start",
      """
      {spec: {initContainers: [{name: a}, {name: b}], containers: [{}]}, status: {phase: Pending,
       initContainerStatuses: [{name: a, state: {terminated: {exitCode: 0, reason: Completed}}},
        {name: b, state: {waiting: {reason: PodInitializing}}}]}}
      """, "0/1", "Init:1/2"),
    Case(
      "an init container failed",
      Self.initial("state: {terminated: {exitCode: 1, reason: Error}}"), "0/1", "Init:Error"),
    Case(
      "an init container failed with a code",
      Self.initial("state: {terminated: {exitCode: 7}}"), "0/1", "Init:ExitCode:7"),
    Case(
      "an init container was killed",
      Self.initial("state: {terminated: {exitCode: 137, signal: 9}}"), "0/1", "Init:Signal:9"),
    Case(
      "an init container waits to be started again, and was so before",
      """
      {spec: {initContainers: [{name: a}], containers: [{}]}, status: {phase: Pending,
       initContainerStatuses: [{name: a, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}},
        lastState: {terminated: {exitCode: 1, finishedAt: '2026-01-02T03:03:45Z'}}}],
       containerStatuses: [{restartCount: 9}]}}
      """, "0/1", "Init:CrashLoopBackOff", restarts: "2 (20s ago)"),
    Case(
      "the init containers are done and the others about to start",
      """
      {spec: {initContainers: [{name: a}], containers: [{}]}, status: {phase: Pending,
       conditions: [{type: Initialized, status: 'True'}],
       initContainerStatuses: [{name: a, restartCount: 4, state: {terminated: {exitCode: 0}}}],
       containerStatuses: [{state: {waiting: {reason: PodInitializing}}}]}}
      """, "0/1", "PodInitializing"),
    Case(
      "the pod is initialized although an init container runs again",
      """
      {spec: {initContainers: [{name: a}], containers: [{}]}, status: {phase: Running,
       conditions: [{type: Initialized, status: 'True'}],
       initContainerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff}}}],
       containerStatuses: [{state: {terminated: {exitCode: 1, reason: Error}}}]}}
      """, "0/1", "Error"),
    Case(
      "a sidecar counts as one of the containers",
      """
      {spec: {initContainers: [{name: a, restartPolicy: Always}], containers: [{}]}, status: {phase: Running,
       initContainerStatuses: [{name: a, started: true, ready: true, restartCount: 1, state: {running: {}},
        lastState: {terminated: {exitCode: 1, finishedAt: '2026-01-02T03:03:45Z'}}}],
       containerStatuses: [\(running)]}}
      """, "2/2", "Running", restarts: "1 (20s ago)"),
    Case(
      "a sidecar that has not started yet",
      """
      {spec: {initContainers: [{name: a, restartPolicy: Always}], containers: [{}]}, status: {phase: Pending,
       initContainerStatuses: [{name: a, started: false, state: {running: {}}}]}}
      """, "0/2", "Init:0/1"),
    Case(
      "a sidecar that is not ready",
      """
      {spec: {initContainers: [{name: a, restartPolicy: Always}], containers: [{}]}, status: {phase: Running,
       initContainerStatuses: [{name: a, started: true, ready: false, state: {running: {}}}],
       containerStatuses: [\(running)]}}
      """, "1/2", "Running"),
  ]

  static let restarts: [Case] = [
    Case(
      "all containers are counted, and the latest end decides",
      """
      {spec: {containers: [{}, {}]}, status: {phase: Running, containerStatuses: [
       {ready: true, restartCount: 1, state: {running: {}}, lastState: {terminated: {finishedAt: '2026-01-02T03:03:53Z'}}},
       {ready: true, restartCount: 2, state: {running: {}}, lastState: {terminated: {finishedAt: '2026-01-02T02:00:00Z'}}}]}}
      """, "2/2", "Running", restarts: "3 (12s ago)"),
    Case(
      "restarts of which no end is known",
      Self.pod("Running", "{ready: true, restartCount: 5, state: {running: {}}, lastState: {}}"),
      "1/1", "Running", restarts: "5"),
    Case(
      "an end at an unknown time",
      Self.pod(
        "Running", "{restartCount: 5, lastState: {terminated: {exitCode: 137, finishedAt: null}}}"),
      "0/1", "Running", restarts: "5"),
    Case(
      "an end without a restart yet",
      Self.pod(
        "Running",
        "{restartCount: 0, lastState: {terminated: {finishedAt: '2026-01-02T03:03:53Z'}}}"), "0/1",
      "Running"),
  ]

  @Test(arguments: Self.plain + Self.initContainers + Self.restarts)
  func columns(_ example: Case) throws {
    let columns = PodColumns(try Samples.json(example.pod))
    #expect(columns.ready == example.ready)
    #expect(columns.status == example.status)
    #expect(columns.restarts(now: Samples.now) == example.restarts)
  }
}
