import KubernetesClient
import KubernetesObjects

/// What a kubelet has at a moment, as far as its pods are concerned.
struct KubeletView: Sendable {
  var workers: PodWorkers
  var sources: PodSources
  var clock: WallClock
  /// The runtime's name.
  var runtime: String
  /// The node's address.
  var address: String

  /// `status` of a pod, as `/pods` shows it.
  func status(of name: PodName) -> JSONValue? {
    self.workers.podListItem(
      name, clock: self.clock, runtime: self.runtime, address: self.address)?["status"]
  }
}

/// Who a mirror pod belongs to.
enum NodeOwner: Equatable, Sendable {
  /// There is no Node object, nor will be.
  case nobody
  /// There will be one.
  case pending
  case node(uid: String)
}

/// What is to be told the kubelet, and what is to be asked of the API server, so that both have the same pods,
/// as a value.
///
/// It looks at both sides as they are and says what is missing; nothing is remembered of what was asked
/// for, so that whatever is lost on the way is asked for again. A request that fails is tried again after
/// 1, 2, 4, 8, 10, 10, … seconds.
struct PodSync: Sendable {
  /// What is to be done.
  struct Step: Equatable, Sendable {
    var api = APIPods.Findings()
    /// Static pods whose mirror's place is taken, each told once.
    var taken: [PodName] = []
    /// At most one for each pod.
    var requests: [PodRequest] = []
  }

  private struct Retry: Equatable {
    var failures: Int
    var notBefore: Instant
    /// `nil` after a creation.
    var error: APIServerError?

    func concerns(_ request: PodRequest) -> Bool { self.error != nil || request.isCreation }
  }

  private let node: PodManifest.Node
  private var apiPods: APIPods
  private var reports = StatusReports()
  private var taken: Set<PodName> = []
  private var retries: [PodName: Retry] = [:]

  init(node: PodManifest.Node) {
    self.node = node
    self.apiPods = APIPods(node: node)
  }

  /// Looks at both sides.
  mutating func next(
    _ view: KubeletView, _ server: ServerPods, owner: NodeOwner, at now: Instant
  ) -> Step {
    var step = Step()
    guard server.isKnown else { return step }
    step.api = self.apiPods.take(server)
    var requests: [PodRequest] = []
    if view.sources.told.contains(.file), owner != .pending {
      let mirrors = MirrorPods.findings(
        for: Self.statics(view), isRunning: { view.workers.running[$0] != nil }, on: server,
        node: self.node.name, owner: owner.uid)
      requests += mirrors.requests
      step.taken = mirrors.taken.filter { !self.taken.contains($0) }
      self.taken = Set(mirrors.taken)
    }
    let subjects = Self.subjects(view, server)
    requests += self.reports.requests(
      for: subjects, on: server, at: now, status: view.status(of:))
    requests += self.deletions(view, server, subjects)
    var names: Set<PodName> = []
    step.requests = requests.filter { request in
      names.insert(request.name).inserted
        && self.retries[request.name].map { $0.notBefore <= now || !$0.concerns(request) } ?? true
    }
    let known = Set(server.pods.keys).union(view.sources.statics.keys)
    self.retries = self.retries.filter { known.contains($0.key) }
    return step
  }

  /// Notes how a request has ended.
  /// - Returns: whether the failure is another one than before.
  mutating func ended(
    _ request: PodRequest, _ result: Result<JSONValue, APIServerError>, at now: Instant
  ) -> Bool {
    switch result {
    case .success(let object):
      // What was made is in the answer; should the server not show it, it is not made over and over.
      self.retries[request.name] =
        request.isCreation
        ? Retry(failures: 0, notBefore: now + .seconds(1), error: nil) : nil
      if case .postStatus(let name, let uid, let status, let change) = request {
        self.reports.posted(
          name, uid: uid, status: status, change: change,
          version: object["metadata"]?["resourceVersion"]?.string ?? "", at: now)
      }
      return false
    case .failure(let error):
      let before = self.retries[request.name]
      let failures = (before?.failures ?? 0) + 1
      let pause = min(Duration.seconds(1 << min(failures - 1, 4)), .seconds(10))
      // Somebody else was quicker: what is there now has been read, and it is tried at once.
      let isRace = failures == 1 && (error.isConflict || error.isNotFound) && !request.isCreation
      self.retries[request.name] = Retry(
        failures: failures, notBefore: isRace ? now : now + pause, error: error)
      return !isRace && before?.error != error
    }
  }

  /// The static pods that their manifests ask for.
  private static func statics(_ view: KubeletView) -> [PodName: StaticPod] {
    view.sources.statics.mapValues { manifest in
      StaticPod(
        manifest: manifest,
        seen: view.workers.seenAt[manifest.name].map(view.clock.nanoseconds) ?? "")
    }
  }

  /// Of which pods the server has to hear how they are.
  private static func subjects(
    _ view: KubeletView, _ server: ServerPods
  ) -> [PodName: StatusReports.Subject] {
    var subjects: [PodName: StatusReports.Subject] = [:]
    for (name, pod) in server.pods {
      guard let change = view.workers.lastChange[name] else { continue }
      let subject = StatusReports.Subject(uid: pod.uid, change: change)
      if let hash = pod.mirrorHash {
        if pod.deletion == nil, view.sources.statics[name]?.uid == hash {
          subjects[name] = subject
        }
      } else if let running = view.workers.running[name]?.manifest, running.source == .api,
        running.uid == pod.uid
      {
        subjects[name] = subject
      }
    }
    return subjects
  }

  /// The API server's pods that are to end and have ended, or were never begun.
  private func deletions(
    _ view: KubeletView, _ server: ServerPods, _ subjects: [PodName: StatusReports.Subject]
  ) -> [PodRequest] {
    server.pods.values.filter { pod in
      guard pod.deletion != nil, pod.mirrorHash == nil else { return false }
      guard self.apiPods.isTold(pod) else { return true }
      // Not taken in yet.
      guard view.sources.fromAPI[pod.name]?.uid == pod.uid else { return false }
      if view.sources.isOverruled(pod.name) { return true }
      if view.workers.waiting[pod.name]?.uid == pod.uid { return true }
      guard let running = view.workers.running[pod.name], running.manifest.uid == pod.uid,
        running.isFinished, let subject = subjects[pod.name]
      else { return false }
      // How it ended is seen first.
      return self.reports.isTold(pod.name, subject)
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
