import KubernetesObjects

/// A machine's properties in its Node object.
struct MachineFacts: Equatable, Sendable {
  var cpus = 1
  var memoryBytes: UInt64 = 0
  var availableMemoryBytes: UInt64 = 0
  /// Of the file system with the node's containers.
  var diskBytes: UInt64 = 0
  var availableDiskBytes: UInt64 = 0
  var machineID = ""
  var systemUUID = ""
  var bootID = ""
  var kernelVersion = ""
  var osImage = ""
  /// Go's name: `amd64`, `arm64`.
  var architecture = ""
}

/// The Node object of a kubelet, as a value.
///
/// The thresholds are the kubelet's for eviction, though nothing is evicted here.
/// Source: `pkg/kubelet/kubelet_node_status.go`, `nodestatus/setters.go`, 1.32.
struct NodeReport: Equatable, Sendable {
  /// The properties that do not change while the kubelet runs.
  struct Identity: Equatable, Sendable {
    var name: String
    var address: String
    /// The full port.
    var port: Int
    var labels: [String: String] = [:]
    /// `v1.26.0`
    var kubeletVersion: String
    /// The runtime's name and version: `pretend://1`.
    var runtimeVersion: String
  }

  static let leastMemory: UInt64 = 100 << 20
  /// A share of the whole disk.
  static let leastDiskShare = 0.1
  static let maximumPods: Int64 = 110

  let identity: Identity
  /// Each condition's status and the RFC 3339 time of its last change.
  private var transitions: [String: (status: String, at: String)] = [:]

  init(_ identity: Identity) {
    self.identity = identity
  }

  static func == (left: Self, right: Self) -> Bool {
    left.identity == right.identity
      && left.transitions.mapValues(\.at) == right.transitions.mapValues(\.at)
  }

  /// The object for the registration.
  mutating func object(_ facts: MachineFacts, now: String) -> JSONValue {
    [
      "kind": "Node", "apiVersion": "v1",
      "metadata": [
        "name": .string(self.identity.name),
        "labels": .object(self.labels(facts).mapValues { .string($0) }),
      ],
      "spec": [:], "status": self.status(facts, now: now),
    ]
  }

  /// Every node's labels, and the configured ones.
  func labels(_ facts: MachineFacts) -> [String: String] {
    [
      "kubernetes.io/hostname": self.identity.name, "kubernetes.io/os": "linux",
      "kubernetes.io/arch": facts.architecture,
    ].merging(self.identity.labels) { $1 }
  }

  /// - Parameter now: the wall clock, RFC 3339 in whole seconds.
  mutating func status(_ facts: MachineFacts, now: String) -> JSONValue {
    let resources: JSONValue = [
      "cpu": .string("\(facts.cpus)"), "memory": .string("\(facts.memoryBytes / 1024)Ki"),
      "ephemeral-storage": .string("\(facts.diskBytes / 1024)Ki"),
      "pods": .string("\(Self.maximumPods)"),
    ]
    let isShortOfMemory = facts.availableMemoryBytes < Self.leastMemory
    let isShortOfDisk =
      Double(facts.availableDiskBytes) < Double(facts.diskBytes) * Self.leastDiskShare
    let conditions: [JSONValue] = [
      self.condition(
        "MemoryPressure", isShortOfMemory, now: now,
        isShortOfMemory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
        "kubelet has \(isShortOfMemory ? "insufficient" : "sufficient") memory available"),
      self.condition(
        "DiskPressure", isShortOfDisk, now: now,
        isShortOfDisk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
        "kubelet has \(isShortOfDisk ? "" : "no ")disk pressure"),
      self.condition(
        "Ready", true, now: now, "KubeletReady", "kubelet is posting ready status"),
    ]
    return [
      "capacity": resources, "allocatable": resources, "conditions": .array(conditions),
      "addresses": [
        ["type": "InternalIP", "address": .string(self.identity.address)],
        ["type": "Hostname", "address": .string(self.identity.name)],
      ],
      "daemonEndpoints": ["kubeletEndpoint": ["Port": .integer(Int64(self.identity.port))]],
      "nodeInfo": [
        "machineID": .string(facts.machineID), "systemUUID": .string(facts.systemUUID),
        "bootID": .string(facts.bootID), "kernelVersion": .string(facts.kernelVersion),
        "osImage": .string(facts.osImage),
        "containerRuntimeVersion": .string(self.identity.runtimeVersion),
        "kubeletVersion": .string(self.identity.kubeletVersion), "kubeProxyVersion": "",
        "operatingSystem": "linux", "architecture": .string(facts.architecture),
      ],
    ]
  }

  private mutating func condition(
    _ type: String, _ isTrue: Bool, now: String, _ reason: String, _ message: String
  ) -> JSONValue {
    let status = isTrue ? "True" : "False"
    var transition = self.transitions[type] ?? (status, now)
    if transition.status != status { transition = (status, now) }
    self.transitions[type] = transition
    return [
      "type": .string(type), "status": .string(status), "reason": .string(reason),
      "message": .string(message), "lastHeartbeatTime": .string(now),
      "lastTransitionTime": .string(transition.at),
    ]
  }

  /// The Lease of the kubelet's heartbeat. Source: `k8s.io/component-helpers/apimachinery/lease`.
  /// - Parameters:
  ///   - uid: the Node object's.
  ///   - now: RFC 3339 with six digits.
  func lease(uid: String, now: String) -> JSONValue {
    [
      "kind": "Lease", "apiVersion": "coordination.k8s.io/v1",
      "metadata": [
        "name": .string(self.identity.name), "namespace": .string(Self.leaseNamespace),
        "ownerReferences": [
          [
            "apiVersion": "v1", "kind": "Node", "name": .string(self.identity.name),
            "uid": .string(uid),
          ]
        ],
      ],
      "spec": [
        "holderIdentity": .string(self.identity.name), "leaseDurationSeconds": 40,
        "renewTime": .string(now),
      ],
    ]
  }

  static let leaseNamespace = "kube-node-lease"
  /// A quarter of the Lease's duration.
  static let leaseRenewal: Duration = .seconds(10)
}
