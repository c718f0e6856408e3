import Foundation
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Compares uids with those of real kubelets (`uids-real-kubelets.json`).
@Suite struct PodUIDTests {
  struct Uids: Decodable {
    struct Example: Decodable {
      var path: String
      var manifest: String
      /// The text before the digest, by release.
      var preimages: [String: String]
      /// By version; `rejected` for a refused manifest.
      var uids: [String: String]
    }
    var nodeName: String
    var examples: [Example]
  }

  static func examples() throws -> [Uids.Example] {
    let file = try Fixtures.directory("uids-real-kubelets.json")
    let uids = try JSONDecoder().decode(Uids.self, from: Data(contentsOf: file))
    #expect(uids.nodeName == Fixtures.node.name)
    return uids.examples
  }

  static func node(_ version: String?, name: String = "kube-master1") throws -> PodManifest.Node {
    PodManifest.Node(
      name: name, allowsPrivileged: true,
      kubeletVersion: try version.map { try #require(KubeletVersion($0)) })
  }

  private static func uid(
    _ text: String, version: String? = nil, path: String = "/etc/kubernetes/manifests/a.yaml",
    node: String = "kube-master1"
  ) throws -> String {
    try Fixtures.manifest(text, path: path, node: Self.node(version, name: node)).uid
  }

  /// The text before the digest, for a pod with one container and this rest of the manifest.
  private static func preimage(
    container: String = "", spec: String = "", metadata: String = "", version: String = "1.26"
  ) throws -> String {
    let text = """
      {apiVersion: v1, kind: Pod, metadata: {name: p\(metadata)},
       spec: {containers: [{name: c, image: i\(container)}]\(spec)}}
      """
    return try Self.preimage(of: "# YAML\n" + text, path: "/a", version: version)
  }

  private static func preimage(of text: String, path: String, version: String) throws -> String {
    var problems: [FieldProblem] = []
    let pod = PodSchema.pod.decode(
      try ManifestText.value(of: Array(text.utf8)), at: "", problems: &problems)
    #expect(problems.isEmpty)
    let minor = try #require(KubeletVersion(version)).minor
    var spec = pod["spec"] ?? [:]
    PodDefaults.apply(to: &spec, minor: minor)
    let bytes = PodUID.preimage(
      metadata: pod["metadata"] ?? [:], spec: spec, status: pod["status"] ?? [:],
      node: Fixtures.node.name, path: path, minor: minor)
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Real kubelets' uids

  @Test func whatIsDigestedIsTheRealOnesByteForByte() throws {
    for example in try Self.examples() {
      #expect(Set(example.preimages.keys) == ["1.26", "1.32", "1.36"])
      for (version, text) in example.preimages {
        let here = try Self.preimage(of: example.manifest, path: example.path, version: version)
        #expect(here == text, "\(example.path) \(version)")
      }
    }
  }

  @Test func theUidIsTheRealOnesInEveryReleaseThatWasRun() throws {
    var releases: Set<Int> = []
    for example in try Self.examples() {
      #expect(try Self.uid(example.manifest, path: example.path) == example.uids["1.26.15"])
      for (version, uid) in example.uids {
        let minor = try #require(KubeletVersion(version)).minor
        guard PodUID.exactReleases.contains(minor) else { continue }
        releases.insert(minor)
        let here = try Self.uid(example.manifest, version: version, path: example.path)
        #expect(here == uid, "\(example.path) \(version)")
      }
    }
    #expect(releases == Set(PodUID.exactReleases))
  }

  @Test func pathAndNodeAreDigestedSince121() throws {
    let example = try #require(try Self.examples().first)
    #expect(
      try Self.uid(example.manifest, path: "/srv/manifests/a.yaml")
        == "eff17b6a1305bf6957b8c8802c6d70dc")
    #expect(
      try Self.uid(example.manifest, node: "kube-master2") == "34917c1036bdef7faeacc8d302e07b25")
    #expect(
      try Self.uid(example.manifest, version: "1.19", path: "/b", node: "n")
        == example.uids["1.19.10"])
  }

  @Test func spelledOutDefaultsAndCommentsLeaveTheUid() throws {
    let example = try #require(try Self.examples().first)
    for text in [
      "# note\n" + example.manifest, example.manifest + "  restartPolicy: Always\n",
      example.manifest + "  colour: blue\n", example.manifest + "status: {}\n",
      example.manifest + "    imagePullPolicy: \"\"\n    stdin: false\n",
    ] {
      #expect(try Self.uid(text) == example.uids["1.26.15"], "\(text)")
    }
  }

  @Test func whatMeansTheSameMayHaveAnotherUid() throws {
    let example = try #require(try Self.examples().first)
    var uids: Set<String> = [try Self.uid(example.manifest)]
    for addition in ["namespace: default", "labels: {}", "annotations: {}", "generateName: x"] {
      uids.insert(
        try Self.uid(example.manifest.replacing("name: hello", with: "name: hello\n  \(addition)")))
    }
    for status in ["{phase: Running}", "{podIP: 10.0.0.1}", "{podIPs: [{ip: 10.0.0.2}]}"] {
      uids.insert(try Self.uid(example.manifest + "status: \(status)\n"))
    }
    uids.insert(try Self.uid(example.manifest + "    command: []\n"))
    #expect(uids.count == 9)
  }

  /// Up to 1.26 the digest has the written value; the shown value is one second, as in later releases.
  @Test func aNegativeGracePeriodIsDigestedUpTo126() throws {
    let grace = ", terminationGracePeriodSeconds: -5"
    let (old, new) = (
      try Self.preimage(spec: grace), try Self.preimage(spec: grace, version: "1.28")
    )
    #expect(old.contains(" TerminationGracePeriodSeconds:(*int64)-5 "))
    #expect(new.contains(" TerminationGracePeriodSeconds:(*int64)1 "))
    let pod = try Fixtures.manifest(spec: "  terminationGracePeriodSeconds: -5")
    #expect(pod.spec["terminationGracePeriodSeconds"] == 1)
  }

  // MARK: Quantities

  /// Quantities with a text were measured with a real kubelet.
  @Test(
    arguments: [
      ("100m", 100, -3, "100m", "DecimalSI"), ("1", 1, 0, "1", "DecimalSI"),
      ("1500m", 1500, -3, "1500m", "DecimalSI"), ("1Gi", 1 << 30, 0, "1Gi", "BinarySI"),
      ("1Ki", 1024, 0, "1Ki", "BinarySI"), ("1G", 1, 9, "1G", "DecimalSI"),
      ("1k", 1, 3, "1k", "DecimalSI"), ("100M", 100, 6, "100M", "DecimalSI"),
      ("1e3", 1, 3, "1e3", "DecimalExponent"), ("010", 10, 0, "010", "DecimalSI"),
      ("+1", 1, 0, "+1", "DecimalSI"), ("0", 0, 0, "0", "DecimalSI"),
      ("0.5", 5, -1, "", "DecimalSI"), ("2.5", 25, -1, "", "DecimalSI"),
      ("64Mi", 67_108_864, 0, "", "BinarySI"), ("1000", 1000, 0, "", "DecimalSI"),
      ("0.0001", 1, -3, "", "DecimalSI"), ("-0.0001", -1, -3, "", "DecimalSI"),
      ("1.25m", 2, -3, "", "DecimalSI"), ("0.500", 500, -3, "", "DecimalSI"),
    ] as [(String, Int, Int, String, String)])
  func quantitiesKeepTheirTextWhereItIsCanonical(
    written: String, value: Int, scale: Int, text: String, format: String
  ) throws {
    let dump = try Self.preimage(container: ", resources: {requests: {cpu: \"\(written)\"}}")
    #expect(
      dump.contains(
        "Requests:(core.ResourceList)map[cpu:{i:(resource.int64Amount){value:(int64)\(value) "
          + "scale:(resource.Scale)\(scale)} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} "
          + "s:(string)\(text) Format:(resource.Format)\(format)}]"))
  }

  @Test(
    arguments: [
      ("1.5Gi", "1610612736000", 3, false, "BinarySI"),
      ("0.5Ki", "512000", 3, false, "BinarySI"), ("-1.5Ki", "1536000", 3, true, "BinarySI"),
      ("0.0001Ki", "103", 3, false, "DecimalSI"),
      ("1234567890123456789", "1234567890123456789000", 3, false, "DecimalSI"),
    ] as [(String, String, Int, Bool, String)])
  func quantitiesThatAreNotWholeArePowersOfTen(
    written: String, digits: String, places: Int, isNegative: Bool, format: String
  ) throws {
    let magnitude = try #require(UInt128(digits))
    let quantity = try ResourceQuantity(written).roundedToThousandths()
    #expect(
      quantity.amount == .big(magnitude: magnitude, places: places, isNegative: isNegative))
    #expect(quantity.text == "")
    #expect(quantity.format?.rawValue == format)
  }

  /// Only resources are rounded to thousandths.
  @Test func aBigQuantityIsPrintedInWords() throws {
    let dump = try Self.preimage(
      container: ", resources: {limits: {memory: 1.5Gi}}",
      spec: ", volumes: [{name: v, emptyDir: {sizeLimit: 1.5Gi}}]")
    func quantity(_ words: String, _ places: Int) -> String {
      "{i:(resource.int64Amount){value:(int64)0 scale:(resource.Scale)0} "
        + "d:(resource.infDecAmount){Dec:(*inf.Dec){unscaled:(big.Int){neg:(bool)false "
        + "abs:(big.nat)[\(words)]} scale:(inf.Scale)\(places)}} s:(string) "
        + "Format:(resource.Format)BinarySI}"
    }
    let memory = "map[memory:\(quantity("1610612736000", 3))]"
    #expect(
      dump.contains(
        "Limits:(core.ResourceList)\(memory) Requests:(core.ResourceList)\(memory) Claims:"))
    #expect(
      dump.contains("SizeLimit:(*resource.Quantity)\(quantity("1610612736000000000", 9))}"))
  }

  @Test(arguments: [
    ("ten", "quantities must match the regular expression"), ("1x", "quantities must match"),
    ("1Kib", "quantities must match"), ("1mm", "unable to parse quantity's suffix"),
    ("1ki", "unable to parse quantity's suffix"), ("\"\"", "quantities must match"),
  ])
  func whatIsNoQuantityIsRefused(written: String, reason: String) throws {
    let error = try #require(throws: ManifestError.self) {
      try Fixtures.manifest(spec: "    resources: {limits: {cpu: \(written)}}")
    }
    #expect(error.stage == .decode)
    #expect(error.problems.map(\.field) == ["spec.containers[0].resources.limits.cpu"])
    #expect(error.problems.first?.reason.contains(reason) == true)
  }

  // MARK: Parts of a pod

  /// Derived from Kubernetes' types and printing rules; there is no real kubelet's text to compare.
  @Test(
    arguments: [
      (
        ", ports: [{containerPort: 80}]",
        "Ports:([]core.ContainerPort)[{Name:(string) HostPort:(int32)0 ContainerPort:(int32)80 "
          + "Protocol:(core.Protocol)TCP HostIP:(string)}]"
      ),
      (
        ", env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]",
        "ResourceFieldRef:(*core.ResourceFieldSelector){ContainerName:(string) "
          + "Resource:(string)limits.cpu Divisor:(resource.Quantity){i:(resource.int64Amount)"
          + "{value:(int64)0 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} "
          + "s:(string) Format:(resource.Format)}}"
      ),
      (
        ", env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}]",
        "SecretKeyRef:(*core.SecretKeySelector){LocalObjectReference:(core.LocalObjectReference)"
          + "{Name:(string)s} Key:(string)k Optional:(*bool)true}"
      ),
      (
        ", envFrom: [{prefix: P_, configMapRef: {name: m}}]",
        "EnvFrom:([]core.EnvFromSource)[{Prefix:(string)P_ ConfigMapRef:(*core.ConfigMapEnvSource)"
          + "{LocalObjectReference:(core.LocalObjectReference){Name:(string)m} Optional:(*bool)<nil>} "
          + "SecretRef:(*core.SecretEnvSource)<nil>}]"
      ),
      (
        ", lifecycle: {preStop: {tcpSocket: {port: web}}}",
        "Lifecycle:(*core.Lifecycle){PostStart:(*core.LifecycleHandler)<nil> "
          + "PreStop:(*core.LifecycleHandler){Exec:(*core.ExecAction)<nil> "
          + "HTTPGet:(*core.HTTPGetAction)<nil> TCPSocket:(*core.TCPSocketAction)"
          + "{Port:(intstr.IntOrString){Type:(intstr.Type)1 IntVal:(int32)0 StrVal:(string)web} "
          + "Host:(string)}}}"
      ),
      (
        ", livenessProbe: {grpc: {port: 9}}",
        "GRPC:(*core.GRPCAction){Port:(int32)9 Service:(*string)}} InitialDelaySeconds:(int32)0 "
          + "TimeoutSeconds:(int32)1 PeriodSeconds:(int32)10 SuccessThreshold:(int32)1 "
          + "FailureThreshold:(int32)3 TerminationGracePeriodSeconds:(*int64)<nil>}"
      ),
      (
        ", securityContext: {capabilities: {add: [NET_ADMIN, SYS_TIME]}, seccompProfile: "
          + "{type: RuntimeDefault}}",
        "Capabilities:(*core.Capabilities){Add:([]core.Capability)[NET_ADMIN SYS_TIME] "
          + "Drop:([]core.Capability)<nil>} Privileged:(*bool)<nil>"
      ),
    ] as [(String, String)])
  func containersArePrinted(container: String, text: String) throws {
    let dump = try Self.preimage(container: container)
    #expect(dump.contains(text), "\(dump)")
  }

  @Test(
    arguments: [
      (
        ", hostNetwork: true, hostPID: true, shareProcessNamespace: false, "
          + "securityContext: {supplementalGroups: [1, 2], fsGroup: 3}",
        "SecurityContext:(*core.PodSecurityContext){HostNetwork:(bool)true HostPID:(bool)true "
          + "HostIPC:(bool)false ShareProcessNamespace:(*bool)false HostUsers:(*bool)<nil> "
          + "SELinuxOptions:(*core.SELinuxOptions)<nil> "
          + "WindowsOptions:(*core.WindowsSecurityContextOptions)<nil> RunAsUser:(*int64)<nil> "
          + "RunAsGroup:(*int64)<nil> RunAsNonRoot:(*bool)<nil> SupplementalGroups:([]int64)[1 2] "
          + "FSGroup:(*int64)3 "
      ),
      // In the kubelet's place, not the API's.
      (
        ", securityContext: {hostNetwork: true}",
        "SecurityContext:(*core.PodSecurityContext){HostNetwork:(bool)false "
      ),
      (", serviceAccount: robot", " ServiceAccountName:(string)robot "),
      (
        ", volumes: [{name: v, configMap: {name: m}}]",
        "ConfigMap:(*core.ConfigMapVolumeSource){LocalObjectReference:(core.LocalObjectReference)"
          + "{Name:(string)m} Items:([]core.KeyToPath)<nil> DefaultMode:(*int32)420 "
          + "Optional:(*bool)<nil>}"
      ),
      (
        ", volumes: [{name: v}]",
        "EmptyDir:(*core.EmptyDirVolumeSource){Medium:(core.StorageMedium) "
          + "SizeLimit:(*resource.Quantity)<nil>}"
      ),
      (
        ", volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]",
        "Projected:(*core.ProjectedVolumeSource){Sources:([]core.VolumeProjection)"
          + "[{Secret:(*core.SecretProjection)<nil> DownwardAPI:(*core.DownwardAPIProjection)<nil> "
          + "ConfigMap:(*core.ConfigMapProjection)<nil> ServiceAccountToken:"
          + "(*core.ServiceAccountTokenProjection){Audience:(string) ExpirationSeconds:(int64)3600 "
          + "Path:(string)t}}] DefaultMode:(*int32)420}"
      ),
      (
        ", volumes: [{name: v, downwardAPI: {items: [{path: l, fieldRef: {fieldPath: "
          + "metadata.labels}}]}}]",
        "DownwardAPI:(*core.DownwardAPIVolumeSource){Items:([]core.DownwardAPIVolumeFile)"
          + "[{Path:(string)l FieldRef:(*core.ObjectFieldSelector){APIVersion:(string)v1 "
          + "FieldPath:(string)metadata.labels} ResourceFieldRef:(*core.ResourceFieldSelector)<nil> "
          + "Mode:(*int32)<nil>}] DefaultMode:(*int32)420}"
      ),
      (
        ", affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
          + "[{topologyKey: host, labelSelector: {matchLabels: {b: '2', a: '1'}}}]}}",
        "PodAntiAffinity:(*core.PodAntiAffinity){RequiredDuringSchedulingIgnoredDuringExecution:"
          + "([]core.PodAffinityTerm)[{LabelSelector:(*v1.LabelSelector){MatchLabels:"
          + "(map[string]string)map[a:1 b:2] MatchExpressions:([]v1.LabelSelectorRequirement)<nil>} "
          + "Namespaces:([]string)<nil> TopologyKey:(string)host "
          + "NamespaceSelector:(*v1.LabelSelector)<nil>}] "
          + "PreferredDuringSchedulingIgnoredDuringExecution:([]core.WeightedPodAffinityTerm)<nil>}"
      ),
      (
        ", dnsConfig: {options: [{name: ndots, value: '2'}]}",
        "DNSConfig:(*core.PodDNSConfig){Nameservers:([]string)<nil> Searches:([]string)<nil> "
          + "Options:([]core.PodDNSConfigOption)[{Name:(string)ndots Value:(*string)2}]}"
      ),
      (
        ", hostAliases: [{ip: 10.0.0.1, hostnames: [a, b]}]",
        "HostAliases:([]core.HostAlias)[{IP:(string)10.0.0.1 Hostnames:([]string)[a b]}]"
      ),
    ] as [(String, String)])
  func podsArePrinted(spec: String, text: String) throws {
    let dump = try Self.preimage(spec: spec)
    #expect(dump.contains(text), "\(dump)")
  }

  @Test func anImageVolumeGetsItsPolicySince135() throws {
    let volume = ", volumes: [{name: v, image: {reference: 'a:1'}}]"
    #expect(
      try Self.preimage(spec: volume, version: "1.32").contains("PullPolicy:(core.PullPolicy)}"))
    #expect(
      try Self.preimage(spec: volume, version: "1.36")
        .contains("PullPolicy:(core.PullPolicy)IfNotPresent}"))
  }

  @Test func ephemeralContainersAreRefused() throws {
    let error = try #require(throws: ManifestError.self) {
      try Fixtures.manifest(spec: "  ephemeralContainers:\n  - name: e\n    image: i")
    }
    #expect(error.problems.map(\.field) == ["spec.ephemeralContainers"])
  }

  /// Every field's JSON name is the API's.
  @Test func namesAreSpelledAsInJSON() {
    let names = "HTTPGet, TTY, HostIP, SELinuxOptions, GCEPersistentDisk, FC, PodIPs"
    let keys = GoDeclarations("T { \(names) string }").structure("core.T").fields.map(\.key)
    #expect(
      keys == ["httpGet", "tty", "hostIP", "seLinuxOptions", "gcePersistentDisk", "fc", "podIPs"])
  }
}
