import KubernetesClient
import KubernetesObjects

/// The owner of mirror pods.
enum NodeOwner: Equatable, Sendable {
  /// There is no Node object, and there will be none.
  case unregistered
  /// The Node object is not there yet.
  case pending
  case node(uid: String)
}

/// Decides what the kubelet and the API server must change so that both have the same pods, as a value.
///
/// It is level-triggered: it compares both sides as they are and remembers no requests, so that a lost
/// request is sent again. A failed request is repeated after 1, 2, 4, 8, 10, 10, … seconds.
struct PodSync: Sendable {
  /// The next actions.
  struct Step: Equatable, Sendable {
    var api = APIPods.Changes()
    /// Static pods whose mirror's name belongs to another pod; each is listed once.
    var occupied: [PodName] = []
    /// At most one for each pod.
    var requests: [PodRequest] = []
  }

  private struct Retry: Equatable {
    var failures: Int
    var notBefore: KubeletInstant
    /// `nil` after a successful creation.
    var error: APIServerError?

    func concerns(_ request: PodRequest) -> Bool { self.error != nil || request.isCreation }
  }

  private let node: PodManifest.Node
  private var apiPods: APIPods
  private var reports = StatusReports()
  private var occupied: Set<PodName> = []
  private var retries: [PodName: Retry] = [:]

  init(node: PodManifest.Node) {
    self.node = node
    self.apiPods = APIPods(node: node)
  }

  /// Compares both sides.
  mutating func next(
    _ kubelet: KubeletPods, _ server: ServerPods, owner: NodeOwner, at now: KubeletInstant
  ) -> Step {
    var step = Step()
    guard server.isKnown else { return step }
    step.api = self.apiPods.update(from: server)
    var requests: [PodRequest] = []
    if kubelet.sources.reported.contains(.file), owner != .pending {
      let mirrors = MirrorPods.plan(
        for: Self.statics(kubelet), isRunning: { kubelet.workers.running[$0] != nil }, on: server,
        node: self.node.name, owner: owner.uid)
      requests += mirrors.requests
      step.occupied = mirrors.occupied.filter { !self.occupied.contains($0) }
      self.occupied = Set(mirrors.occupied)
    }
    let subjects = Self.subjects(kubelet, server)
    requests += self.reports.requests(
      for: subjects, on: server, at: now, status: kubelet.status(of:))
    requests += self.deletions(kubelet, server, subjects)
    var names: Set<PodName> = []
    step.requests = requests.filter { request in
      names.insert(request.name).inserted
        && self.retries[request.name].map { $0.notBefore <= now || !$0.concerns(request) } ?? true
    }
    let known = Set(server.pods.keys).union(kubelet.sources.statics.keys)
    self.retries = self.retries.filter { known.contains($0.key) }
    return step
  }

  /// Records the result of a request.
  /// - Returns: whether the request has failed with another error than before.
  mutating func ended(
    _ request: PodRequest, _ result: Result<JSONValue, APIServerError>, at now: KubeletInstant
  ) -> Bool {
    switch result {
    case .success(let object):
      // Waits for the watch to show the new pod, instead of creating it again.
      self.retries[request.name] =
        request.isCreation
        ? Retry(failures: 0, notBefore: now + .seconds(1), error: nil) : nil
      if case .postStatus(let name, let uid, let status, let change) = request {
        self.reports.posted(
          name, uid: uid, status: status, change: change,
          version: object.metadata.resourceVersion, at: now)
      }
      return false
    case .failure(let error):
      let before = self.retries[request.name]
      let failures = (before?.failures ?? 0) + 1
      let pause = min(Duration.seconds(1 << min(failures - 1, 4)), .seconds(10))
      // Another client was faster; the pod has been read again, so the next attempt comes at once.
      let isRace = failures == 1 && (error.isConflict || error.isNotFound) && !request.isCreation
      self.retries[request.name] = Retry(
        failures: failures, notBefore: isRace ? now : now + pause, error: error)
      return !isRace && before?.error != error
    }
  }

  /// The pods of the manifests.
  private static func statics(_ kubelet: KubeletPods) -> [PodName: StaticPod] {
    kubelet.sources.statics.mapValues { manifest in
      StaticPod(
        manifest: manifest,
        seen: kubelet.workers.seenAt[manifest.name].map(kubelet.clock.nanoseconds) ?? "")
    }
  }

  /// The pods whose status the server must get.
  private static func subjects(
    _ kubelet: KubeletPods, _ server: ServerPods
  ) -> [PodName: StatusReports.Subject] {
    var subjects: [PodName: StatusReports.Subject] = [:]
    for (name, pod) in server.pods {
      guard let change = kubelet.workers.lastChange[name] else { continue }
      let subject = StatusReports.Subject(uid: pod.uid, change: change)
      if let hash = pod.mirrorHash {
        if pod.deletion == nil, kubelet.sources.statics[name]?.uid == hash {
          subjects[name] = subject
        }
      } else if let running = kubelet.workers.running[name]?.manifest, running.source == .api,
        running.uid == pod.uid
      {
        subjects[name] = subject
      }
    }
    return subjects
  }

  /// The API server's pods that are being deleted and have ended or never started.
  private func deletions(
    _ kubelet: KubeletPods, _ server: ServerPods, _ subjects: [PodName: StatusReports.Subject]
  ) -> [PodRequest] {
    server.pods.values.filter { pod in
      guard pod.deletion != nil, pod.mirrorHash == nil else { return false }
      guard self.apiPods.isAssigned(pod) else { return true }
      // The kubelet's loop has not seen it yet.
      guard kubelet.sources.fromAPI[pod.name]?.uid == pod.uid else { return false }
      if kubelet.sources.isOverruled(pod.name) { return true }
      if kubelet.workers.waiting[pod.name]?.uid == pod.uid { return true }
      guard let running = kubelet.workers.running[pod.name], running.manifest.uid == pod.uid,
        running.isFinished, let subject = subjects[pod.name]
      else { return false }
      // The final status is posted before the deletion.
      return self.reports.hasPosted(pod.name, subject)
    }
    .map { .delete($0.name, uid: $0.uid) }.sorted { $0.name < $1.name }
  }
}

extension NodeOwner {
  fileprivate var uid: String? {
    if case .node(let uid) = self { uid } else { nil }
  }
}

extension PodRequest {
  fileprivate var isCreation: Bool {
    if case .create = self { true } else { false }
  }
}
