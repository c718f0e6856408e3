import KubernetesObjects
import TestSupport
import Testing

@testable import FakeAPIServer

/// The rows of `kubectl get`.
@Suite struct ResourceTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var object: String
    /// The cells that are always shown, and those of `-o wide`, each joined by a bar.
    var cells: String
    var wide: String

    init(_ name: String, _ object: String, _ cells: String, wide: String = "") {
      self.testDescription = name
      self.object = object
      self.cells = cells
      self.wide = wide
    }
  }

  static func resource(_ name: String) throws -> APIResource {
    try #require(APIResource.all.first { $0.name == name })
  }

  private static func check(_ example: Case, _ resource: String) throws {
    let table = ResourceTable.table(
      try Self.resource(resource), [try Samples.json(example.object)], resourceVersion: "1",
      object: .none, seconds: Samples.now)
    let row = try #require(table["rows"]?.elements.first?["cells"]?.elements)
    let columns = try #require(table["columnDefinitions"]?.elements)
    try #require(row.count == columns.count)
    func text(priority: Int64) -> String {
      zip(columns, row).filter { $0.0["priority"]?.integer == priority }
        .map { $1.string ?? $1.description }.joined(separator: "|")
    }
    #expect(text(priority: 0) == example.cells)
    #expect(text(priority: 1) == example.wide)
  }

  private static let made = "creationTimestamp: '2026-01-02T03:01:05Z'"

  @Test(arguments: [
    ("pods", "Name,Ready,Status,Restarts,Age", "IP,Node,Nominated Node,Readiness Gates"),
    (
      "nodes", "Name,Status,Roles,Age,Version",
      "Internal-IP,External-IP,OS-Image,Kernel-Version,Container-Runtime"
    ),
    ("events", "Last Seen,Type,Reason,Object,Message", "Subobject,Source,First Seen,Count,Name"),
    ("namespaces", "Name,Status,Age", ""), ("leases", "Name,Holder,Age", ""),
    (
      "replicationcontrollers", "Name,Desired,Current,Ready,Age", "Containers,Images,Selector"
    ),
  ])
  func columns(_ resource: String, _ shown: String, _ wide: String) throws {
    let table = ResourceTable.table(
      try Self.resource(resource), [], resourceVersion: "100", object: .metadata,
      seconds: Samples.now)
    let columns = table["columnDefinitions"]?.elements ?? []
    func names(priority: Int64) -> String {
      columns.filter { $0["priority"]?.integer == priority }.compactMap { $0["name"]?.string }
        .joined(separator: ",")
    }
    #expect(names(priority: 0) == shown)
    #expect(names(priority: 1) == wide)
    #expect(table["kind"] == "Table")
    #expect(table["apiVersion"] == "meta.k8s.io/v1")
    #expect(table["metadata"] == ["resourceVersion": "100"])
    #expect(table["rows"] == [])
  }

  @Test(arguments: [
    Case(
      "all is known",
      """
      {metadata: {name: podmaster-kube-master1, \(made)},
       spec: {nodeName: kube-master1, containers: [{}], readinessGates: [{conditionType: a}, {conditionType: b}]},
       status: {phase: Running, podIPs: [{ip: 127.0.0.1}, {ip: '::1'}], nominatedNodeName: kube-master2,
        conditions: [{type: a, status: 'True'}, {type: b, status: 'False'}],
        containerStatuses: [{ready: true, state: {running: {}}}]}}
      """, "podmaster-kube-master1|1/1|Running|0|3m",
      wide: "127.0.0.1|kube-master1|kube-master2|1/2"),
    Case(
      "an older kubelet's address", "{metadata: {name: a, \(made)}, status: {podIP: 10.0.0.1}}",
      "a|0/0||0|3m", wide: "10.0.0.1|<none>|<none>|<none>"),
    Case(
      "nothing is known",
      "{metadata: {name: a}, spec: {containers: [{}]}, status: {phase: Pending}}",
      "a|0/1|Pending|0|<unknown>", wide: "<none>|<none>|<none>|<none>"),
    Case("not even an object", "[]", "|0/0||0|<unknown>", wide: "<none>|<none>|<none>|<none>"),
  ])
  func pods(_ example: Case) throws { try Self.check(example, "pods") }

  @Test(arguments: [
    Case(
      "ready",
      """
      {metadata: {name: kube-master1, \(made)}, status: {conditions: [{type: Ready, status: 'True'}],
       addresses: [{type: Hostname, address: h}, {type: ExternalIP, address: 192.0.2.1},
        {type: InternalIP, address: 127.0.0.1}, {type: InternalIP, address: 127.0.0.2}],
       nodeInfo: {kubeletVersion: v1.32.0, osImage: Debian, kernelVersion: '6.1', containerRuntimeVersion: 'process://1'}}}
      """, "kube-master1|Ready|<none>|3m|v1.32.0",
      wide: "127.0.0.1|192.0.2.1|Debian|6.1|process://1"),
    Case(
      "roles from both kinds of label, each once, in order",
      """
      {metadata: {name: a, labels: {node-role.kubernetes.io/master: '', node-role.kubernetes.io/control-plane: x,
       node-role.kubernetes.io/: '', kubernetes.io/role: etcd, role: none}},
       status: {conditions: [{type: MemoryPressure, status: 'True'}, {type: Ready, status: 'False'}]}}
      """, "a|NotReady|control-plane,etcd,master|<unknown>|",
      wide: "<none>|<none>|<unknown>|<unknown>|<unknown>"),
    Case(
      "it has not been heard of for long",
      "{metadata: {name: a}, status: {conditions: [{type: Ready, status: Unknown}]}}",
      "a|NotReady|<none>|<unknown>|", wide: "<none>|<none>|<unknown>|<unknown>|<unknown>"),
    Case(
      "it never said anything", "{metadata: {name: a}}", "a|Unknown|<none>|<unknown>|",
      wide: "<none>|<none>|<unknown>|<unknown>|<unknown>"),
    Case(
      "no pods are to be put there",
      """
      {metadata: {name: a}, spec: {unschedulable: true}, status: {conditions: [{type: Ready, status: 'True'}]}}
      """, "a|Ready,SchedulingDisabled|<none>|<unknown>|",
      wide: "<none>|<none>|<unknown>|<unknown>|<unknown>"),
  ])
  func nodes(_ example: Case) throws { try Self.check(example, "nodes") }

  @Test(arguments: [
    Case(
      "a kubelet's",
      """
      {metadata: {name: podmaster.1}, type: Normal, reason: Started, message: "Started container a\\n", count: 3,
       involvedObject: {kind: Pod, name: podmaster, fieldPath: 'spec.containers{a}'},
       source: {component: kubelet, host: kube-master1},
       firstTimestamp: '2026-01-02T03:00:00Z', lastTimestamp: '2026-01-02T03:03:05Z'}
      """, "60s|Normal|Started|pod/podmaster|Started container a",
      wide: "spec.containers{a}|kubelet, kube-master1|4m5s|3|podmaster.1"),
    Case(
      "of the newer API, happened once",
      """
      {metadata: {name: e}, type: Warning, reason: R, message: m, involvedObject: {kind: Node, name: kube-master1},
       source: {}, reportingComponent: c, reportingInstance: i,
       firstTimestamp: null, lastTimestamp: null, eventTime: '2026-01-02T03:03:05.123456Z'}
      """, "60s|Warning|R|node/kube-master1|m", wide: "|c, i|60s|1|e"),
    Case(
      "of the newer API, a series",
      """
      {metadata: {name: e}, type: Warning, reason: R, message: m, involvedObject: {kind: Node}, source: {component: c},
       eventTime: '2026-01-02T03:00:05.123456Z', series: {count: 7, lastObservedTime: '2026-01-02T03:04:00.000000Z'}}
      """, "5s|Warning|R|node|m", wide: "|c|4m|7|e"),
    Case("empty", "{}", "<unknown>||||", wide: "||<unknown>|1|"),
  ])
  func events(_ example: Case) throws { try Self.check(example, "events") }

  @Test(arguments: [
    Case("active", "{metadata: {name: a, \(made)}, status: {phase: Active}}", "a|Active|3m"),
    Case(
      "ending", "{metadata: {name: a, \(made)}, status: {phase: Terminating}}", "a|Terminating|3m"),
    Case("as it was sent", "{metadata: {name: a}}", "a|Active|<unknown>"),
  ])
  func namespaces(_ example: Case) throws { try Self.check(example, "namespaces") }

  @Test(arguments: [
    Case(
      "held", "{metadata: {name: a, \(made)}, spec: {holderIdentity: kube-master1}}",
      "a|kube-master1|3m"),
    Case("free", "{metadata: {name: a, \(made)}, spec: {}}", "a||3m"),
  ])
  func leases(_ example: Case) throws { try Self.check(example, "leases") }

  @Test(arguments: [
    Case(
      "running",
      """
      {metadata: {name: a, \(made)}, spec: {replicas: 3, selector: {tier: x, app: web},
       template: {spec: {containers: [{name: c, image: i:1}, {name: d, image: j}]}}},
       status: {replicas: 2, readyReplicas: 1}}
      """, "a|3|2|1|3m", wide: "c,d|i:1,j|app=web,tier=x"),
    Case("as it was sent", "{metadata: {name: a}}", "a|1|0|0|<unknown>", wide: "||<none>"),
  ])
  func replicationControllers(_ example: Case) throws {
    try Self.check(example, "replicationcontrollers")
  }

  @Test func `A row carries nothing, its metadata or all of it`() throws {
    let pod: JSONValue = [
      "kind": "Pod", "apiVersion": "v1", "metadata": ["name": "a", "labels": ["b": "c"]],
      "spec": ["nodeName": "n"],
    ]
    func object(_ included: IncludedObject) throws -> JSONValue? {
      let table = ResourceTable.table(
        try Self.resource("pods"), [pod], resourceVersion: "1", object: included,
        seconds: Samples.now)
      return table["rows"]?.elements.first?["object"]
    }
    #expect(try object(.none) == .null)
    #expect(
      try object(.metadata) == [
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": ["name": "a", "labels": ["b": "c"]],
      ])
    #expect(try object(.object) == pod)
  }
}
