import FoundationEssentials
import Glibc
import Linux
import TestCluster

/// How quick a fake API server on a kvstore is with many pods and many watchers, and what it needs.
package struct APITrial: Sendable {
  /// With how many pods it is measured, one after the other; they only become more.
  package var pods: [Int]
  package var nodes: Int
  /// How often each list is asked for; requests for one pod come ten times as often.
  package var rounds: Int
  /// With how many watchers of all pods it is measured, when all pods are there.
  package var watchers: [Int]
  /// How many changes those see.
  package var events: Int
  /// For everything that is written; removed at a good end.
  package var directory: String
  /// Where the programs are; `nil` for beside this one.
  package var executables: String?

  package init(
    pods: [Int], nodes: Int, rounds: Int, watchers: [Int], events: Int, directory: String,
    executables: String? = nil
  ) {
    self.pods = pods
    self.nodes = nodes
    self.rounds = rounds
    self.watchers = watchers
    self.events = events
    self.directory = directory
    self.executables = executables
  }

  /// What is measured with each number of pods.
  package enum Question: String, CaseIterable, Sendable {
    case list = "list all pods"
    case table = "the same as a Table"
    case ofNode = "list one node's pods"
    case pages = "list all pods, 500 at a time"
    case get = "get one pod"
    case status = "update one pod's status"
  }

  /// What was seen.
  package struct Report: Sendable {
    package var counts: [Count] = []
    package var watches: [Watch] = []

    /// With one number of pods.
    package struct Count: Sendable {
      package var pods: Int
      /// The length of the list, in bytes.
      package var listSize = 0
      package var times: [Question: Distribution<Duration>] = [:]
      /// After all that, in bytes.
      package var serverMemory = 0
      package var storeMemory = 0
    }

    /// With one number of watchers.
    package struct Watch: Sendable {
      package var watchers: Int
      /// From the sending of a change until a watcher has it, of all changes and watchers.
      package var arrivals: Distribution<Duration>?
      /// The same until the last of the watchers has it, of all changes.
      package var complete: Distribution<Duration>?
      /// What the server's processor does for one change and watcher more.
      package var processor: Duration
      /// What the server's memory is for one watcher more, in bytes.
      package var memory: Int
    }
  }

  /// The processes, and who asks them.
  package struct Stage: Sendable {
    package let url: String
    package let requests: Requests
    package let server: ProcessIdentity
    package let store: ProcessIdentity
    /// Reads are waited for so long.
    package static let patience = Duration.seconds(120)

    package var pods: String { "\(self.url)/api/v1/namespaces/\(APITrialObjects.namespace)/pods" }

    /// - Throws: when the answer is no success.
    @discardableResult
    package func ask(
      _ url: String, method: Requests.Method = .get, accept: String? = nil, json: String? = nil
    ) async throws -> Data {
      let (status, body) = try await self.requests.data(
        url, method: method, accept: accept, json: json, within: Self.patience)
      guard (200..<300).contains(status) else {
        throw RequestError.status(status, String(decoding: body, as: UTF8.self))
      }
      return body
    }

    /// The text of a member of a list's metadata, which comes first; `nil` when it has none.
    package static func text(of member: String, in list: Data) -> String? {
      let head = String(decoding: list.prefix(1024), as: UTF8.self)
      guard let range = head.firstRange(of: "\"\(member)\":\"") else { return nil }
      return String(head[range.upperBound...].prefix { $0 != "\"" })
    }
  }

  /// - Throws: ``ClusterError`` when a program does not start or something takes longer than minutes.
  package func run() async throws -> Report {
    DescriptorLimit.raise()
    let programs = Executables(self.executables)
    let (kvstore, server) = (
      try programs.path(of: "kvstore"), try programs.path(of: "fake-apiserver")
    )
    let ports = try FreePorts.pick(3)
    let urls = ports.map { "http://127.0.0.1:\($0)" }
    try FileManager.default.createDirectory(
      atPath: self.directory, withIntermediateDirectories: true)
    let connections = 64 + (self.watchers.max() ?? 0)
    let report = try await Requests.with(connections: connections) { requests in
      var report = Report()
      return try await withThrowingTaskGroup(of: Void.self) { group in
        let store = try await TrialProcess.start(
          kvstore,
          ["--listen-client-urls=\(urls[0])", "--data-dir=\(self.directory)/data"],
          log: "\(self.directory)/kvstore.log", in: &group)
        defer { store.signal(SIGKILL) }
        var stages: [Stage] = []
        defer { for stage in stages { stage.server.signal(SIGKILL) } }
        // Watchers get one of their own, whose memory nobody has used before them.
        for (url, port) in zip(urls, ports).dropFirst() {
          let server = try await TrialProcess.start(
            server, ["--etcd-servers=\(urls[0])", "--insecure-port=\(port)"],
            log: "\(self.directory)/fake-apiserver\(stages.count).log", in: &group)
          stages.append(Stage(url: url, requests: requests, server: server, store: store))
          try await TrialProcess.wait("for the API server", within: .seconds(60)) {
            (try? await requests.data("\(url)/api/v1/namespaces/default"))?.status == 200
          }
          if stages.count == 1 { report.counts = try await self.counts(stages[0]) }
        }
        report.watches = try await self.watches(stages[1])
        group.cancelAll()
        return report
      }
    }
    // With an error the logs stay.
    try FileManager.default.removeItem(atPath: self.directory)
    return report
  }

  private func counts(_ stage: Stage) async throws -> [Report.Count] {
    for number in 0..<self.nodes {
      try await stage.ask(
        "\(stage.url)/api/v1/nodes", method: .post, json: APITrialObjects.node(number))
    }
    var counts: [Report.Count] = []
    for count in self.pods.sorted() {
      try await self.fill((counts.last?.pods ?? 0)..<count, stage)
      counts.append(try await self.count(count, stage))
    }
    return counts
  }

  private func watches(_ stage: Stage) async throws -> [Report.Watch] {
    var watches: [Report.Watch] = []
    var idle: Duration = .zero
    for (position, watchers) in ([0] + self.watchers.sorted()).enumerated() {
      let (watch, processor) = try await self.watch(
        watchers, pods: self.pods.max() ?? 1, round: position, without: idle, stage)
      if let watch { watches.append(watch) } else { idle = processor }
    }
    return watches
  }

  /// Makes pods, each with its status, as many at a time as there are connections for.
  private func fill(_ numbers: Range<Int>, _ stage: Stage) async throws {
    let lanes = 16
    try await withThrowingTaskGroup(of: Void.self) { group in
      for lane in 0..<lanes {
        group.addTask {
          for number in numbers where number % lanes == lane {
            try await stage.ask(
              stage.pods, method: .post,
              json: APITrialObjects.pod(number, node: number % self.nodes))
            try await Self.update(number, restarts: 0, stage)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Another number of restarts makes a change that every watcher sees.
  package static func update(_ pod: Int, restarts: Int, _ stage: Stage) async throws {
    try await stage.ask(
      "\(stage.pods)/\(APITrialObjects.podName(pod))/status", method: .put,
      json: APITrialObjects.status(ofPod: pod, restarts: restarts))
  }

  private func count(_ pods: Int, _ stage: Stage) async throws -> Report.Count {
    var count = Report.Count(pods: pods)
    count.listSize = try await stage.ask("\(stage.url)/api/v1/pods").count
    for question in Question.allCases {
      let isOfOne = question == .get || question == .status
      var times: [Duration] = []
      for round in 0..<(isOfOne ? 10 * self.rounds : self.rounds) {
        let begin = ContinuousClock.now
        try await self.ask(question, pod: (round * 7) % pods, round: round, stage)
        times.append(ContinuousClock.now - begin)
      }
      count.times[question] = Distribution(times)
    }
    count.serverMemory = ProcessLoad.anonymousMemory(pid: stage.server.pid)
    count.storeMemory = ProcessLoad.anonymousMemory(pid: stage.store.pid)
    return count
  }

  private func ask(
    _ question: Question, pod: Int, round: Int, _ stage: Stage
  ) async throws {
    let all = "\(stage.url)/api/v1/pods"
    switch question {
    case .list: try await stage.ask(all)
    case .table:
      try await stage.ask(all, accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
    case .ofNode:
      try await stage.ask(
        "\(all)?fieldSelector=spec.nodeName%3D\(APITrialObjects.nodeName(round % self.nodes))")
    case .pages:
      var next: String? = ""
      while let token = next {
        let suffix =
          token.isEmpty
          ? "" : "&continue=\(token.replacing("+", with: "%2B").replacing("=", with: "%3D"))"
        let page = try await stage.ask("\(all)?limit=500\(suffix)")
        next = Stage.text(of: "continue", in: page)
      }
    case .get: try await stage.ask("\(stage.pods)/\(APITrialObjects.podName(pod))")
    case .status: try await Self.update(pod, restarts: round + 1, stage)
    }
  }
}
