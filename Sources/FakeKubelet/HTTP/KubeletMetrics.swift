import PrometheusText

extension PodWorkers {
  /// Counters since the kubelet's start.
  package struct Counts: Equatable, Sendable {
    var startedContainers = 0
    var startedInitContainers = 0
    /// Pods that were removed and added again under the same uid.
    var restartedPods = 0
    /// The time from the first sight of each pod until it ran.
    var startDurations = [Int](repeating: 0, count: Self.bounds.count + 1)
    var startSeconds = 0.0

    /// In seconds. Source: `pkg/kubelet/metrics/metrics.go` podStartupDurationBuckets.
    static let bounds: [Double] = [
      0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200,
      1800, 2700, 3600,
    ]

    mutating func ran(after duration: Duration) {
      let seconds = duration / .seconds(1)
      self.startDurations[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
      self.startSeconds += seconds
    }
  }

  /// `/metrics`. Source: `pkg/kubelet/metrics/metrics.go`.
  var metrics: String {
    var page = MetricsPage()
    let containers = self.running.values.flatMap(\.containers)
    func count(_ matches: (PodLifecycle.Container) -> Bool) -> Double {
      Double(containers.count { matches($0) })
    }
    let isStatic = MetricsPage.label("static", "true")
    page.add(
      "kubelet_running_pods", .gauge, "Number of pods that have a running pod sandbox",
      Double(self.running.values.count { !$0.isFinished }))
    page.add(
      "kubelet_running_containers", .gauge, "Number of containers by their state",
      [
        ("created", count { $0.state == .creating }),
        ("exited", count { !$0.isAlive && $0.hasRun }),
        ("running", count(\.isRunning)),
      ].map { (MetricsPage.label("container_state", $0.0), $0.1) })
    page.add(
      "kubelet_desired_pods", .gauge, "Number of pods that manifests ask for",
      [(isStatic, Double(self.seenAt.count))])
    page.add(
      "kubelet_active_pods", .gauge, "Number of pods that are considered for the node's resources",
      [(isStatic, Double(self.running.values.count { !$0.isFinished }))])
    page.add("kubelet_mirror_pods", .gauge, "Number of mirror pods", 0)
    page.add(
      "kubelet_started_containers_total", .counter, "Number of containers started",
      [
        (MetricsPage.label("container_type", "container"), Double(self.counts.startedContainers)),
        (
          MetricsPage.label("container_type", "init_container"),
          Double(self.counts.startedInitContainers)
        ),
      ])
    page.add(
      "kubelet_restarted_pods_total", .counter,
      "Number of pods that were removed and added again under the same uid",
      [(isStatic, Double(self.counts.restartedPods))])
    page.add(
      "kubelet_pod_start_duration_seconds",
      "From the first sight of a pod until it runs", bounds: Counts.bounds,
      counts: self.counts.startDurations, sum: self.counts.startSeconds)
    return page.text
  }

  /// `/metrics/probes`. Source: `pkg/kubelet/prober/prober_manager.go`.
  var probeMetrics: String {
    var samples: [(labels: String, value: Double)] = []
    for (name, pod) in self.running.sorted(by: { $0.key < $1.key }) {
      for container in pod.containers {
        for kind in Probe.Kind.allCases {
          guard let counts = container.probes[kind]?.counts else { continue }
          for (result, count) in [
            ("successful", counts.successful), ("failed", counts.failed),
            ("unknown", counts.unknown),
          ] where count > 0 {
            let labels = [
              ("probe_type", kind.rawValue), ("result", result), ("container", container.name),
              ("pod", name.name), ("namespace", name.namespace), ("pod_uid", pod.manifest.uid),
            ]
            samples.append(
              (labels.map { MetricsPage.label($0.0, $0.1) }.joined(separator: ","), Double(count)))
          }
        }
      }
    }
    var page = MetricsPage()
    page.add(
      "prober_probe_total", .counter,
      "Number of a liveness, readiness or startup probe for a container by result", samples)
    return page.text
  }
}
