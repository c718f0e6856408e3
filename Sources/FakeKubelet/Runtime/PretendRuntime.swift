/// Pretends to run containers: each is a timer that starts and stops as the pod's annotations say
/// (``PretendBehaviour``).
///
/// Exit codes are those of real processes: 143 after SIGTERM, 137 after SIGKILL.
public struct PretendRuntime: ContainerRuntime {
  public let name = "pretend"

  private let script: PretendScript?

  /// - Parameter script: overrides the annotations.
  public init(script: PretendScript? = nil) {
    self.script = script
  }

  private func behaviour(of container: ContainerID, _ pod: PodManifest) -> PretendBehaviour {
    self.script?.behaviour(of: container.container, in: pod)
      ?? pod.pretendBehaviour(of: container.container)
  }

  private enum Fact: Sendable {
    case signal(ContainerSignal)
    case startDelayOver
    case stopDelayOver
    case runOver
  }

  public func run(
    _ container: ContainerID, of pod: PodManifest, signals: AsyncStream<ContainerSignal>,
    onStart: @Sendable () -> Void
  ) async -> ContainerEnd {
    let killed = ContainerEnd.exited(code: 137)
    let terminated = ContainerEnd.exited(code: 143)
    let behaviour = self.behaviour(of: container, pod)
    // Bounded: at most three delays and two signals.
    let (facts, inbox) = AsyncStream.makeStream(of: Fact.self)
    return await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask { for await signal in signals { inbox.yield(.signal(signal)) } }
      func delay(_ duration: Duration, _ fact: Fact) {
        group.addTask {
          guard (try? await Task.sleep(for: duration)) != nil else { return }
          inbox.yield(fact)
        }
      }
      delay(behaviour.startAfter, .startDelayOver)
      var isRunning = false
      for await fact in facts {
        switch fact {
        case .startDelayOver:
          isRunning = true
          onStart()
          if let exitAfter = behaviour.exitAfter { delay(exitAfter, .runOver) }
        case .signal(.kill): return killed
        case .signal(.terminate):
          // A container that has not started yet never starts.
          guard isRunning else { return terminated }
          delay(behaviour.stopAfter, .stopDelayOver)
        case .stopDelayOver: return terminated
        case .runOver: return .exited(code: behaviour.exitCode)
        }
      }
      return killed
    }
  }

  public func runHook(
    _ kind: HookKind, _: ContainerAction, in container: ContainerID, of pod: PodManifest
  ) async -> String? {
    if kind == .preStop {
      try? await Task.sleep(for: self.behaviour(of: container, pod).preStopAfter)
    }
    return nil
  }

  public func probe(
    _ kind: Probe.Kind, _: Probe, of container: ContainerID, of pod: PodManifest,
    runningFor: Duration
  ) async -> ProbeResult {
    self.behaviour(of: container, pod).answer(kind, runningFor: runningFor)
  }
}
