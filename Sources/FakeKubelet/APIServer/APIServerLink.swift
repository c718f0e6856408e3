import KubernetesClient
import KubernetesObjects
import Logging

/// Stands between a kubelet and its API servers: tells each what the other one has, and carries out what
/// ``PodSync`` says.
///
/// The kubelet never waits for it; while no server answers, everything else goes on.
final class APIServerLink: Sendable {
  private let settings: FakeKubeletAPIServers
  private let configuration: FakeKubeletConfiguration
  private let runtime: String
  private let logger: Logger
  private let servers: APIServers
  private let events: EventSender
  private let server: Guarded<ServerPods>
  private let view = Guarded<KubeletView?>(nil)
  private let owner: Guarded<NodeOwner>
  /// Something has changed on one of the sides.
  private let news: AsyncStream<Void>
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
    self.server = Guarded(ServerPods(nodeName: configuration.nodeName))
    self.owner = Guarded(settings.registersNode ? .pending : .nobody)
    (self.news, self.inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Tells what a change of the pods means.
  func took(_ effects: [PodWorkers.Effect], from old: PodWorkers, to new: PodWorkers) {
    for case .report(let event, let name) in effects {
      guard let pod = new.running[name] ?? old.running[name] else { continue }
      self.events.record(
        EventNote(
          isWarning: event.severity == .warning, reason: event.reason, message: event.message),
        about: PodNews.subject(pod, container: event.container))
    }
    for item in PodNews.items(from: old, to: new) {
      self.events.record(item.note, about: item.subject)
    }
  }

  /// Takes in what the kubelet has now.
  func look(at workers: PodWorkers, _ sources: PodSources, clock: WallClock) {
    self.view.change {
      $0 = KubeletView(
        workers: workers, sources: sources, clock: clock, runtime: self.runtime,
        address: self.configuration.nodeAddress)
    }
    self.inbox.yield()
  }

  /// Runs until the task is cancelled.
  /// - Parameters:
  ///   - port: where the kubelet's full port listens.
  ///   - start: when the kubelet's instants begin.
  ///   - tell: tells the kubelet what the API server wants.
  func run(
    port: Int, start: ContinuousClock.Instant,
    _ tell: @escaping @Sendable (APIPods.Findings) -> Void
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
          self.server.change { $0.take(change) }
          self.inbox.yield()
        }
      }
      if self.settings.registersNode {
        group.addTask { await self.keepNode(port: port) }
      }
      group.addTask {
        // What has failed falls due again.
        while (try? await Task.sleep(for: .seconds(1))) != nil { self.inbox.yield() }
      }
      group.addTask { await self.syncPods(start: start, tell) }
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
      self.owner.change { $0 = .node(uid: uid) }
      self.inbox.yield()
    }
  }

  private func syncPods(
    start: ContinuousClock.Instant, _ tell: (APIPods.Findings) -> Void
  ) async {
    var sync = PodSync(
      node: PodManifest.Node(
        name: self.configuration.nodeName, allowsPrivileged: self.configuration.allowsPrivileged,
        kubeletVersion: self.configuration.kubeletVersion))
    func now() -> Instant { Instant(sinceStart: start.duration(to: .now)) }
    var hasTold = false
    for await _ in self.news {
      while !Task.isCancelled, let view = self.view.value {
        let server = self.server.value
        let step = sync.next(view, server, owner: self.owner.value, at: now())
        // The first one says that there are none, too.
        if server.isKnown, !hasTold || step.api.isNews {
          hasTold = true
          tell(step.api)
        }
        self.say(step)
        var isLost = false
        for request in step.requests where !isLost && !Task.isCancelled {
          let result = await self.perform(request)
          if case .failure(.unanswered) = result {
            isLost = true
          } else if sync.ended(request, result, at: now()), case .failure(let error) = result {
            self.say(request, error)
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
        self.server.change { $0.put(made) }
        return .success(made)
      case .delete(_, let uid):
        let options: JSONValue = [
          "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
          "preconditions": ["uid": .string(uid)],
        ]
        let answer = try await self.servers.send(APIRequest("DELETE", path, options))
        self.server.change { $0.gone(name, uid: uid) }
        return .success(answer)
      case .postStatus(_, let uid, let status, _):
        guard var object = self.server.value.pods[name], object.uid == uid else {
          return .failure(
            .refused(request: "PUT \(path)/status", status: 404, reason: nil, message: "gone"))
        }
        object.set(status: status)
        let written = try await self.servers.send(
          APIRequest("PUT", "\(path)/status", object.object))
        self.server.change { $0.put(written) }
        return .success(written)
      }
    } catch {
      if error.isConflict || error.isNotFound { await self.lookAgain(path, request) }
      return .failure(error)
    }
  }

  /// Reads a pod that is not as it was thought to be.
  private func lookAgain(_ path: String, _ request: PodRequest) async {
    do throws(APIServerError) {
      let found = try await self.servers.send(APIRequest("GET", path))
      self.server.change { $0.replace(request.name, with: found) }
    } catch {
      if error.isNotFound { self.server.change { $0.replace(request.name, with: nil) } }
    }
  }

  private func say(_ step: PodSync.Step) {
    for name in step.taken {
      self.logger.warning(
        "The name of a static pod's mirror is taken by a pod that is none; it is left alone",
        metadata: ["pod": "\(name)"])
    }
    for refusal in step.api.refused {
      self.logger.error(
        "Pod of the API server cannot be run",
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

  private func say(_ request: PodRequest, _ error: APIServerError) {
    let message: Logger.Message =
      switch request {
      case .create: "Failed creating a mirror pod"
      case .delete: "Failed deleting a pod from the API server"
      case .postStatus: "Failed to update status for pod"
      }
    self.logger.error(message, metadata: ["pod": "\(request.name)", "err": "\(error)"])
  }
}
