import Glibc
import KubernetesObjects

/// `/stats/summary`: the node's and the containers' use of resources. Source: `k8s.io/kubelet/pkg/apis/stats/v1alpha1`.
struct StatsSummary {
  /// The use up to an instant.
  struct Sample: Equatable, Sendable {
    var at: KubeletInstant
    var usage: ContainerUsage
  }

  /// The figures for CPU and memory. The rate needs an earlier sample.
  static func figures(_ sample: Sample, before: Sample?, clock: WallClock) -> JSONValue {
    let time: JSONValue = .string(clock.seconds(sample.at))
    var cpu: JSONValue = [
      "time": time,
      "usageCoreNanoSeconds": .integer(Int64(clamping: sample.usage.cpuNanoseconds)),
    ]
    if let before, before.at < sample.at, before.usage.cpuNanoseconds <= sample.usage.cpuNanoseconds
    {
      let used = Double(sample.usage.cpuNanoseconds - before.usage.cpuNanoseconds)
      cpu["usageNanoCores"] = .integer(Int64(used / ((sample.at - before.at) / .seconds(1))))
    }
    let bytes: JSONValue = .integer(Int64(clamping: sample.usage.residentBytes))
    return [
      "cpu": cpu,
      "memory": ["time": time, "usageBytes": bytes, "workingSetBytes": bytes, "rssBytes": bytes],
    ]
  }

  /// The use of the whole machine. Blocks. Source: `man 5 proc`, `/proc/stat`, `/proc/meminfo`.
  static func node() -> (usage: ContainerUsage, availableBytes: UInt64)? {
    guard
      let fields = HostFiles.text("/proc/stat")?.split(separator: "\n").first?
        .split(separator: " ").dropFirst().compactMap({ UInt64($0) }), fields.count >= 8,
      let memory = HostFiles.text("/proc/meminfo")
    else { return nil }
    func kilobytes(_ name: String) -> UInt64 {
      memory.split(separator: "\n").first { $0.hasPrefix(name + ":") }?
        .split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0
    }
    // user nice system idle iowait irq softirq steal
    let busy = fields[0] + fields[1] + fields[2] + fields[5] + fields[6]
    let ticksPerSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    let available = kilobytes("MemAvailable") * 1024
    return (
      ContainerUsage(
        cpuNanoseconds: busy * (1_000_000_000 / ticksPerSecond),
        residentBytes: kilobytes("MemTotal") * 1024 - available), available
    )
  }
}

extension FakeKubelet {
  /// The summary of all running containers.
  func statsSummary() async -> JSONValue {
    let workers = self.workers
    var samples: [String: StatsSummary.Sample] = [:]
    let before = self.published.withLock(\.samples)
    func add(_ usage: ContainerUsage, key: String, to stats: inout JSONValue) {
      let sample = StatsSummary.Sample(at: self.now, usage: usage)
      samples[key] = sample
      let figures = StatsSummary.figures(sample, before: before[key], clock: self.clock)
      (stats["cpu"], stats["memory"]) = (figures["cpu"], figures["memory"])
    }
    var node: JSONValue = [
      "nodeName": .string(self.configuration.nodeName),
      "startTime": .string(self.clock.seconds(KubeletInstant(sinceStart: .zero))),
    ]
    if let (usage, available) = await BlockingWork.run({ StatsSummary.node() }) {
      add(usage, key: "", to: &node)
      node["memory"]?["availableBytes"] = .integer(Int64(clamping: available))
    }
    var pods: [JSONValue] = []
    for (name, pod) in workers.running.sorted(by: { $0.key < $1.key }) {
      var containers: [JSONValue] = []
      var total: (cpu: UInt64, memory: UInt64)?
      for container in pod.containers where container.isRunning {
        guard let id = workers.id(of: container.name, in: name),
          case .running(let since) = container.state
        else { continue }
        var stats: JSONValue = [
          "name": .string(container.name), "startTime": .string(self.clock.seconds(since)),
        ]
        if let usage = await self.runtime.usage(of: id) {
          add(usage, key: "\(id)#\(id.serial)", to: &stats)
          total = (
            (total?.cpu ?? 0) + usage.cpuNanoseconds, (total?.memory ?? 0) + usage.residentBytes
          )
        }
        containers.append(stats)
      }
      var stats: JSONValue = [
        "podRef": [
          "name": .string(name.name), "namespace": .string(name.namespace),
          "uid": .string(pod.manifest.uid),
        ],
        "startTime": .string(self.clock.seconds(pod.startedAt)), "containers": .array(containers),
      ]
      if let total {
        let usage = ContainerUsage(cpuNanoseconds: total.cpu, residentBytes: total.memory)
        add(usage, key: pod.manifest.uid, to: &stats)
      }
      pods.append(stats)
    }
    let latest = samples
    self.published.withLock { $0.samples = latest }
    return ["node": node, "pods": .array(pods)]
  }
}
