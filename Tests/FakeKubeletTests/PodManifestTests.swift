import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

@Suite struct PodManifestTests {
  @Test func aPodIsCompletedWithTheAPIsDefaults() throws {
    let pod = try Fixtures.manifest(Fixtures.pod("podmaster"))
    #expect(pod.name == PodName(namespace: "default", name: "podmaster-kube-master1"))
    #expect(pod.restartPolicy == .always)
    #expect(pod.gracePeriod == .seconds(30))
    #expect(pod.spec["dnsPolicy"] == "ClusterFirst")
    #expect(pod.spec["tolerations"] == [["operator": "Exists", "effect": "NoExecute"]])
    #expect(pod.spec["containers"]?.elements.first?["imagePullPolicy"] == "IfNotPresent")
    #expect(pod.metadata["creationTimestamp"] == .null)
    #expect(pod.metadata["annotations"]?["kubernetes.io/config.source"] == "file")
  }

  @Test(arguments: [
    ("-5", 2), ("0", 2), ("1", 2), ("2", 2), ("45", 45),
  ])
  func graceIsAtLeastTwoSeconds(written: String, seconds: Int) throws {
    let text = Fixtures.pod(spec: "  terminationGracePeriodSeconds: \(written)")
    #expect(try Fixtures.manifest(text).gracePeriod == .seconds(seconds))
  }

  @Test(arguments: [
    ("nginx", "Always"), ("nginx:latest", "Always"), ("host:5000/nginx", "Always"),
    ("nginx:1", "IfNotPresent"), ("host:5000/nginx:1", "IfNotPresent"),
    ("nginx@sha256:0123", "IfNotPresent"),
  ])
  func theTagDecidesOnPulling(image: String, policy: String) throws {
    let pod = try Fixtures.manifest(image: image)
    #expect(pod.spec["containers"]?.elements.first?["imagePullPolicy"] == .string(policy))
  }

  // MARK: uid

  /// It names directories, which are removed with the pod.
  @Test(arguments: ["../../victim", "..", ".", "a/b", "/etc"])
  func aUIDThatIsNoNameOfADirectoryIsRefused(uid: String) throws {
    let error = #expect(throws: ManifestError.self) {
      try Fixtures.manifest(uid: "\"\(uid)\"")
    }
    #expect(error?.problems.map(\.field) == ["metadata.uid"])
    var object = try JSONValue(
      parsing: Array(
        #"{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i:1"}]}}"#.utf8))
    object["metadata"]?["uid"] = .string(uid)
    #expect(throws: ManifestError.self) { try PodManifest(object: object, node: Fixtures.node) }
  }

  private let plain = """
    apiVersion: v1
    kind: Pod
    metadata: {name: web}
    spec:
      containers:
      - name: main
        image: nginx:1
    """

  @Test(arguments: [
    "# a comment\n" + "spec:\n  containers:\n  - {image: 'nginx:1', name: main}\n"
      + "metadata:\n  name: \"web\"\nkind: Pod\napiVersion: v1\n",
    #"""
    {"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","creationTimestamp":null},
     "spec":{"containers":[{"name":"main","image":"nginx:1"}]}}
    """#,
    """
    apiVersion: v1
    kind: Pod
    metadata: {name: web}
    spec:
      colour: blue
      restartPolicy: Always
      terminationGracePeriodSeconds: 30
      containers:
      - name: main
        image: nginx:1
    """,
  ])
  func uidStaysForTheSameMeaning(text: String) throws {
    let uid = try Fixtures.manifest(self.plain).uid
    #expect(uid.wholeMatch(of: #/[0-9a-f]{32}/#) != nil)
    #expect(try Fixtures.manifest(text).uid == uid)
  }

  @Test func uidChangesWithContentPathAndNode() throws {
    var uids = Set([try Fixtures.manifest(self.plain).uid])
    let edited = self.plain.replacing("nginx:1", with: "nginx:2")
    uids.insert(try Fixtures.manifest(edited).uid)
    uids.insert(try Fixtures.manifest(self.plain, path: "/m/b.yaml").uid)
    uids.insert(try Fixtures.manifest(self.plain, node: .init(name: "kube-master2")).uid)
    #expect(uids.count == 4)
  }

  /// draft-eastlake-fnv: the offset basis for no input, and the value for `a`.
  @Test func digestIsFNV1aWith128Bits() {
    #expect(PodUID.digest("") == "6c62272e07bb014262b821756295c58d")
    #expect(PodUID.digest("a") == "d228cb696f1a8caf78912b704e4a8964")
  }

  // MARK: Refusals

  @Test func privilegedContainersNeedLeave() throws {
    let text = Fixtures.pod(spec: "    securityContext: {privileged: true}")
    let error = try #require(throws: ManifestError.self) {
      try Fixtures.manifest(text, node: .init(name: "kube-master1", allowsPrivileged: false))
    }
    #expect(error.problems.map(\.field) == ["spec.containers[0].securityContext.privileged"])
    #expect(error.description.contains("--allow-privileged=true"))
    #expect(try Fixtures.manifest(text, node: .init(name: "n")).containers.count == 1)
    for (release, isAllowed) in [("1.1", false), ("1.14", false), ("1.15", true), ("1.32", true)] {
      #expect(KubeletVersion(release)?.allowsPrivilegedByDefault == isAllowed, "\(release)")
    }
  }

  @Test(arguments: [
    (
      "pretend.zweimaster.dev/stop-after", "3",
      "cannot unmarshal number into a field of type string", ManifestError.Stage.decode
    ),
    ("pretend.zweimaster.dev/stop-after", "3 s", "unknown unit", .validate),
    ("pretend.zweimaster.dev/start-after", "'7'", "number without a unit", .validate),
    ("pretend.zweimaster.dev/start-after", "-1s", "must not be negative", .validate),
    ("pretend.zweimaster.dev/stop-afer", "1s", "pretend.zweimaster.dev/stop-after", .validate),
    ("pretend.zweimaster.dev/stop-after.other", "1s", "supported values: \"main\"", .validate),
    ("pretend.zweimaster.dev/exit-code", "'256'", "between 0 and 255", .validate),
    ("pretend.zweimaster.dev/exit-code", "'1'", "main never exits", .validate),
  ])
  func badPretendAnnotationsAreNamed(
    key: String, value: String, reason: String, stage: ManifestError.Stage
  ) throws {
    let error = try #require(throws: ManifestError.self) {
      try Fixtures.manifest(annotations: [key: value])
    }
    #expect(error.stage == stage)
    #expect(error.problems.first?.field?.contains(key) == true)
    #expect(error.problems.first?.reason.contains(reason) == true, "\(error)")
  }

  @Test func pretendAnnotationsAreGoDurations() throws {
    let pod = try Fixtures.manifest(annotations: [
      "pretend.zweimaster.dev/start-after": "500ms", "pretend.zweimaster.dev/stop-after": "1m3s",
    ])
    var behaviour = PretendBehaviour()
    behaviour.startAfter = .milliseconds(500)
    behaviour.stopAfter = .seconds(63)
    #expect(pod.pretendBehaviour(of: "main") == behaviour)
  }

  @Test func pretendAnnotationsAreMeantForAllContainersOrForOne() throws {
    let pod = try Fixtures.manifest(
      annotations: [
        "pretend.zweimaster.dev/exit-after": "1m", "pretend.zweimaster.dev/exit-code": "'3'",
        "pretend.zweimaster.dev/exit-code.main": "'4'",
        "pretend.zweimaster.dev/stop-after.beside": "2s",
      ],
      spec: "  - name: beside\n    image: nginx:1\n"
        + "  initContainers:\n  - name: first\n    image: nginx:1")
    #expect(pod.initContainers.map(\.role) == [.initial])
    let (main, beside, first) = (
      pod.pretendBehaviour(of: "main"), pod.pretendBehaviour(of: "beside"),
      pod.pretendBehaviour(of: "first")
    )
    #expect(main.exitCode == 4)
    #expect(main.exitAfter == .seconds(60))
    #expect(main.stopAfter == .zero)
    #expect(beside.exitCode == 3)
    #expect(beside.stopAfter == .seconds(2))
    // A setting for all containers must not keep an init container running.
    #expect(first.exitAfter == .zero)
    #expect(first.exitCode == 0)
  }

  @Test(arguments: [
    ("    lifecycle: {preStop: {}}", "spec.containers[0].lifecycle.preStop", "handler type"),
    (
      "    lifecycle: {preStop: {sleep: {seconds: 31}}}",
      "spec.containers[0].lifecycle.preStop.sleep", "terminationGracePeriodSeconds (30)"
    ),
    (
      "    lifecycle: {preStop: {httpGet: {path: /}}}",
      "spec.containers[0].lifecycle.preStop.httpGet.port", "must be between 1 and 65535"
    ),
  ])
  func badHooksAreNamed(spec: String, field: String, reason: String) throws {
    let error = try #require(throws: ManifestError.self) {
      try Fixtures.manifest(spec: spec)
    }
    #expect(error.problems.map(\.field) == [field])
    #expect(error.problems.first?.reason.contains(reason) == true, "\(error)")
  }

  @Test func hooksAreReadWithDefaultsAndNamedPorts() throws {
    func hook(_ text: String) throws -> PodManifest.Hook? {
      try Fixtures.manifest(
        spec: "    ports: [{name: web, containerPort: 8080}]\n    lifecycle: {preStop: \(text)}"
      ).containers.first?.preStop
    }
    #expect(try hook("{sleep: {seconds: 5}}") == .sleep(.seconds(5)))
    #expect(try hook("{exec: {command: [a, b]}}") == .action(.exec(["a", "b"])))
    #expect(
      try hook("{httpGet: {port: web}}")
        == .action(
          .httpGet(
            .init(scheme: "HTTP", host: nil, port: .number(8080), path: "/", headers: []))))
    #expect(
      try hook("{tcpSocket: {port: none, host: h}}")
        == .action(.tcpSocket(host: "h", port: .unknown("none"))))
  }

  @Test func allThatIsWrongIsNamedAtOnce() throws {
    let error = try #require(throws: ManifestError.self) {
      try Fixtures.manifest(
        Fixtures.pod("Web", spec: "  restartPolicy: Maybe\n  dnsPolicy: Maybe\n"))
    }
    #expect(
      error.problems.map(\.field) == ["metadata.name", "spec.restartPolicy", "spec.dnsPolicy"])
    #expect(error.description.hasPrefix("invalid pod: [metadata.name: Invalid value"))
  }

  @Test func tenMebibytesAreTooMany() throws {
    let text = Fixtures.pod()
    let padding = String(repeating: "#", count: PodManifest.maximumSize - text.utf8.count - 2)
    #expect(try Fixtures.manifest("\(text)\n\(padding)").containers.count == 1)
    let error = try #require(throws: ManifestError.self) {
      try Fixtures.manifest("\(text)\n#\(padding)")
    }
    #expect(error.stage == .read)
    #expect(error.description.contains("read limit"))
  }

  /// In the manifest's own form they make the uid.
  @Test func quantitiesAreShownCanonically() throws {
    let resources = "{limits: {cpu: 0.5, memory: 1024Ki}, requests: {memory: 1e3}}"
    let pod = try Fixtures.manifest(
      spec: "    resources: \(resources)\n  volumes: [{name: v, emptyDir: {sizeLimit: 2048Mi}}]")
    #expect(
      pod.spec["containers"]?.elements.first?["resources"] == [
        "limits": ["cpu": "500m", "memory": "1Mi"], "requests": ["cpu": "500m", "memory": "1k"],
      ])
    #expect(pod.spec["volumes"]?.elements.first?["emptyDir"] == ["sizeLimit": "2Gi"])
  }

  /// Fields that a release does not know are dropped.
  @Test func aReleaseHasItsOwnFields() throws {
    let text = Fixtures.pod(
      spec: "    lifecycle: {preStop: {exec: {command: [a]}, sleep: {seconds: 1}}}")
    let old = PodManifest.Node(name: "n", kubeletVersion: KubeletVersion("1.26"))
    #expect(
      try Fixtures.manifest(text, node: old).containers.first?.preStop == .action(.exec(["a"])))
    for node in [PodManifest.Node(name: "n"), .init(name: "n", kubeletVersion: .init("1.32"))] {
      let error = try #require(throws: ManifestError.self) {
        try Fixtures.manifest(text, node: node)
      }
      #expect(error.problems.map(\.field) == ["spec.containers[0].lifecycle.preStop.sleep"])
    }
  }

  @Test func nullsAreGosZeroValues() throws {
    let text = Fixtures.pod(
      annotations: ["example.com/note": "", "'other'": "~"],
      spec: "    command:\n    - ~\n    ports: ~\n  volumes:\n  - name: v\n    hostPath:\n")
    let pod = try Fixtures.manifest(text)
    #expect(pod.metadata["annotations"]?["example.com/note"] == "")
    #expect(pod.metadata["annotations"]?["other"] == "")
    let container = pod.spec["containers"]?.elements.first
    #expect(container?["command"] == [""])
    #expect(container?["ports"] == nil)
    #expect(pod.spec["volumes"]?.elements.first?["emptyDir"] == [:])
  }

  @Test func jsonIsWrittenInOneLineAndEscaped() {
    let value: JSONValue = [
      "b": [1, .number(1.5), nil, true], "kind": "\"\\\n\u{1}é", "a": [:],
    ]
    #expect(value.description == #"{"kind":"\"\\\n\u0001é","a":{},"b":[1,1.5,null,true]}"#)
  }
}
