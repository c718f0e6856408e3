import KubernetesClient
import KubernetesObjects
import Logging

/// Connects a kubelet with its API servers and carries out what ``PodSync`` says.
///
/// The kubelet never waits for it: without a server, everything else continues.
final class APIServerLink: Sendable {
  private let settings: FakeKubeletAPIServers
  private let configuration: FakeKubeletConfiguration
  private let runtime: String
  private let logger: Logger
  private let servers: APIServers
  private let events: EventSender
  private let server: LockedValue<ServerPods>
  private let kubelet = LockedValue<KubeletPods?>(nil)
  private let owner: LockedValue<NodeOwner>
  /// A change on either side.
  private let changes: AsyncStream<Void>
  private let inbox: AsyncStream<Void>.Continuation

  init(
    _ settings: FakeKubeletAPIServers, configuration: FakeKubeletConfiguration, runtime: String,
    logger: Logger
  ) {
    self.settings = settings
    self.configuration = configuration
    self.runtime = runtime
    self.logger = logger
    self.servers = APIServers(settings.servers) { news in
      switch news {
      case .lost(let error):
        logger.warning(
          "No API server answers; pods are not concerned", metadata: ["err": "\(error)"])
      case .found(let url):
        logger.info("An API server answers again", metadata: ["server": "\(url)"])
      }
    }
    self.events = EventSender(
      self.servers, component: "kubelet", host: configuration.nodeName)
    self.server = LockedValue(ServerPods(nodeName: configuration.nodeName))
    self.owner = LockedValue(settings.registersNode ? .pending : .unregistered)
    (self.changes, self.inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Records the events of a change of the pods.
  func recordEvents(
    of effects: [PodWorkers.Effect], from old: PodWorkers, to new: PodWorkers
  ) {
    for case .report(let event, let name) in effects {
      guard let pod = new.running[name] ?? old.running[name] else { continue }
      self.events.record(
        EventNote(
          isWarning: event.severity == .warning, reason: event.reason, message: event.message),
        about: PodTransitionEvents.subject(pod, container: event.container))
    }
    for item in PodTransitionEvents.items(from: old, to: new) {
      self.events.record(item.note, about: item.subject)
    }
  }

  /// Publishes the kubelet's pods.
  func update(_ workers: PodWorkers, _ sources: PodSources, clock: WallClock) {
    self.kubelet.withLock {
      $0 = KubeletPods(
        workers: workers, sources: sources, clock: clock, runtime: self.runtime,
        address: self.configuration.nodeAddress)
    }
    self.inbox.yield()
  }

  /// Runs until the task is cancelled.
  /// - Parameters:
  ///   - port: the kubelet's full port.
  ///   - start: the zero of the kubelet's instants.
  ///   - onChange: called with changes of the API server's pods.
  func run(
    port: Int, start: ContinuousClock.Instant,
    _ onChange: @escaping @Sendable (APIPods.Changes) -> Void
  ) async {
    let name = self.configuration.nodeName
    self.events.record(
      EventNote(reason: "Starting", message: "Starting kubelet."),
      about: EventSubject(kind: "Node", name: name, uid: name))
    await withDiscardingTaskGroup { group in
      group.addTask { await self.events.run() }
      group.addTask {
        await self.servers.follow("/api/v1/pods", fieldSelector: "spec.nodeName=\(name)") {
          change in
          self.server.withLock { $0.apply(change) }
          self.inbox.yield()
        }
      }
      if self.settings.registersNode {
        group.addTask { await self.keepNode(port: port) }
      }
      group.addTask {
        // Failed requests become due again.
        while (try? await Task.sleep(for: .seconds(1))) != nil { self.inbox.yield() }
      }
      group.addTask { await self.syncPods(start: start, onChange) }
    }
  }

  private func keepNode(port: Int) async {
    let version = self.configuration.kubeletVersion.map { "v\($0).0" } ?? "v0.0.0-zweimaster"
    await NodeKeeper(
      servers: self.servers,
      identity: NodeReport.Identity(
        name: self.configuration.nodeName, address: self.configuration.nodeAddress, port: port,
        labels: self.settings.nodeLabels, kubeletVersion: version,
        runtimeVersion: "\(self.runtime)://zweimaster"),
      frequency: self.settings.nodeStatusUpdateFrequency, logger: self.logger
    ).run { uid in
      self.owner.withLock { $0 = .node(uid: uid) }
      self.inbox.yield()
    }
  }

  private func syncPods(
    start: ContinuousClock.Instant, _ onChange: (APIPods.Changes) -> Void
  ) async {
    var sync = PodSync(
      node: PodManifest.Node(
        name: self.configuration.nodeName, allowsPrivileged: self.configuration.allowsPrivileged,
        kubeletVersion: self.configuration.kubeletVersion))
    func now() -> KubeletInstant { KubeletInstant(sinceStart: start.duration(to: .now)) }
    var isFirst = true
    for await _ in self.changes {
      while !Task.isCancelled, let kubelet = self.kubelet.value {
        let server = self.server.value
        let step = sync.next(kubelet, server, owner: self.owner.value, at: now())
        // The first change counts even when it is empty: the server has reported its pods.
        if server.isKnown, isFirst || !step.api.isEmpty {
          isFirst = false
          onChange(step.api)
        }
        self.log(step)
        var isLost = false
        for request in step.requests where !isLost && !Task.isCancelled {
          let result = await self.perform(request)
          if case .failure(.unanswered) = result {
            isLost = true
          } else if sync.ended(request, result, at: now()), case .failure(let error) = result {
            self.log(request, error)
          }
        }
        if step.requests.isEmpty || isLost { break }
      }
    }
  }

  private func perform(_ request: PodRequest) async -> Result<JSONValue, APIServerError> {
    let name = request.name
    let collection = "/api/v1/namespaces/\(name.namespace)/pods"
    let path = "\(collection)/\(name.name)"
    do throws(APIServerError) {
      switch request {
      case .create(_, let object):
        let made = try await self.servers.send(APIRequest("POST", collection, object))
        self.server.withLock { $0.put(made) }
        return .success(made)
      case .delete(_, let uid):
        let options: JSONValue = [
          "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
          "preconditions": ["uid": .string(uid)],
        ]
        let answer = try await self.servers.send(APIRequest("DELETE", path, options))
        self.server.withLock { $0.remove(name, uid: uid) }
        return .success(answer)
      case .postStatus(_, let uid, let status, _):
        guard var object = self.server.value.pods[name], object.uid == uid else {
          return .failure(
            .refused(request: "PUT \(path)/status", status: 404, reason: nil, message: "gone"))
        }
        object.set(status: status)
        let written = try await self.servers.send(
          APIRequest("PUT", "\(path)/status", object.object))
        self.server.withLock { $0.put(written) }
        return .success(written)
      }
    } catch {
      if error.isConflict || error.isNotFound { await self.refresh(path, request) }
      return .failure(error)
    }
  }

  /// Reads a pod again after a conflict.
  private func refresh(_ path: String, _ request: PodRequest) async {
    do throws(APIServerError) {
      let found = try await self.servers.send(APIRequest("GET", path))
      self.server.withLock { $0.replace(request.name, with: found) }
    } catch {
      if error.isNotFound { self.server.withLock { $0.replace(request.name, with: nil) } }
    }
  }

  private func log(_ step: PodSync.Step) {
    for name in step.occupied {
      self.logger.warning(
        "A pod that is no mirror has the name of a static pod's mirror; it is left alone",
        metadata: ["pod": "\(name)"])
    }
    for refusal in step.api.refused {
      self.logger.error(
        "Pod of the API server cannot run here",
        metadata: ["pod": "\(refusal.name)", "err": "\(refusal.error)"])
      self.events.record(
        EventNote(
          isWarning: true, reason: "FailedValidation",
          message: "Error validating pod \(refusal.name.name) from api: \(refusal.error)"),
        about: EventSubject(
          kind: "Pod", namespace: refusal.name.namespace, name: refusal.name.name,
          uid: refusal.uid))
    }
  }

  private func log(_ request: PodRequest, _ error: APIServerError) {
    let message: Logger.Message =
      switch request {
      case .create: "Failed creating a mirror pod"
      case .delete: "Failed deleting a pod from the API server"
      case .postStatus: "Failed to update status for pod"
      }
    self.logger.error(message, metadata: ["pod": "\(request.name)", "err": "\(error)"])
  }
}
