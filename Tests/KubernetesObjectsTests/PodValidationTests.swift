import Testing

@testable import KubernetesObjects

/// Rules that the compared manifests (`ReleaseVerdictTests`) do not touch, by topic; the words are the API's.
@Suite struct PodValidationTests {
  /// A rule that is broken: where it is written, and what is said about it.
  struct Row: Sendable {
    /// In the container `main`, beside name and image.
    var container = ""
    /// In `spec`.
    var spec = ""
    /// In `metadata`.
    var metadata = ""
    var release: Int?
    var allowsPrivileged = true
    /// Each with the begin of its reason.
    var problems: [String]
  }

  private static func problems(_ row: Row) throws -> [String] {
    let text = """
      metadata: {name: web, namespace: default\(row.metadata.isEmpty ? "" : ", " + row.metadata)}
      spec:
        nodeName: n1
      \(row.spec.isEmpty ? "" : "  " + row.spec)
        containers:
        - name: main
          image: nginx
      \(row.container.isEmpty ? "" : "    " + row.container)
      """
    var problems: [FieldProblem] = []
    let pod = PodSchema.pod.decode(
      try ManifestText.value(of: Array(text.utf8)), at: "", release: row.release,
      problems: &problems)
    #expect(problems.isEmpty, "\(text)")
    var spec = pod["spec"] ?? [:]
    PodDefaults.apply(to: &spec, minor: row.release ?? PodUID.defaultRelease)
    return PodValidation.problems(
      metadata: pod["metadata"] ?? [:], spec: spec,
      rules: PodRules(
        release: row.release, allowsPrivileged: row.allowsPrivileged, isStatic: true)
    ).map(\.description)
  }

  private static let main = "spec.containers[0]"

  private func check(_ row: Row) throws {
    let problems = try Self.problems(row)
    #expect(problems.count == row.problems.count, "\(row): \(problems)")
    for (problem, expected) in zip(problems, row.problems) {
      #expect(problem.hasPrefix(expected), "\(row): \(problem)")
    }
  }

  @Test func aPlainPodIsValid() throws { try self.check(Row(problems: [])) }

  // MARK: Containers

  @Test(arguments: [
    Row(
      container: "ports: [{containerPort: 70000}]",
      problems: [
        "\(main).ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535"
      ]),
    Row(
      container: "ports: [{containerPort: 80, hostPort: -1}]",
      problems: ["\(main).ports[0].hostPort: Invalid value: -1: must be between 1 and 65535"]),
    Row(
      container: "ports: [{containerPort: 80, protocol: tcp}]",
      problems: [
        #"\#(main).ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP""#
      ]),
    Row(
      container: "ports: [{name: '80', containerPort: 80}, {name: a--b, containerPort: 81}]",
      problems: [
        "\(main).ports[0].name: Invalid value: \"80\": must contain at least one letter (a-z)",
        "\(main).ports[1].name: Invalid value: \"a--b\": must not contain consecutive hyphens",
      ]),
    Row(
      container: "ports: [{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 80}]",
      problems: ["\(main).ports[1].hostPort: Duplicate value: \"TCP//80\""]),
    Row(
      container: "ports: [{containerPort: 80, hostPort: 81}]", spec: "hostNetwork: true",
      release: 26,
      problems: ["\(main).ports[0].containerPort: Invalid value: 80: must match `hostPort`"]),
    Row(
      container: "ports: [{containerPort: 80, hostPort: 81}]", spec: "hostNetwork: true",
      problems: ["\(main).ports[0].hostPort: Invalid value: 81: must match `containerPort`"]),
    Row(
      container: "restartPolicy: Always",
      problems: ["\(main).restartPolicy: Forbidden: may not be set for non-init containers"]),
    Row(container: "restartPolicy: Always", release: 26, problems: []),
    Row(
      container: "resizePolicy: [{resourceName: cpu, restartPolicy: Maybe}]",
      problems: ["\(main).resizePolicy: Unsupported value: \"Maybe\""]),
    Row(
      spec: "initContainers: [{name: main, image: a, livenessProbe: {exec: {command: [a]}}}]",
      problems: [
        "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers "
          + "without restartPolicy=Always",
        "spec.initContainers[0].name: Duplicate value: \"main\"",
      ]),
    Row(
      spec: "ephemeralContainers: [{name: debug, image: a}]",
      problems: ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
    Row(
      container: "securityContext: {privileged: true}", allowsPrivileged: false,
      problems: ["\(main).securityContext.privileged: Forbidden: disallowed by cluster policy"]),
  ])
  func containers(_ row: Row) throws { try self.check(row) }

  // MARK: Environment

  @Test(arguments: [
    Row(container: "env: [{value: a}]", problems: ["\(main).env[0].name: Required value"]),
    Row(
      container: "env: [{name: 1A, value: a}]",
      problems: ["\(main).env[0].name: Invalid value: \"1A\": a valid environment variable name"]),
    Row(container: "env: [{name: 1 A, value: a}]", release: 34, problems: []),
    Row(
      container: "env: [{name: A, value: a, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]",
      problems: [
        "\(main).env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not"
      ]),
    Row(
      container:
        "env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.nodeName}, configMapKeyRef: {name: a, key: b}}}]",
      problems: [
        "\(main).env[0].valueFrom: Invalid value: \"\": may not have more than one field specified"
      ]),
    Row(
      container: "env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['a']\"}}}]",
      problems: []),
    Row(
      container: "env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['a b']\"}}}]",
      problems: ["\(main).env[0].valueFrom.fieldRef: Invalid value: \"a b\": name part must"]),
    Row(
      container:
        "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 2}}}]",
      problems: [
        "\(main).env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's"
      ]),
    Row(
      container: "env: [{name: A, valueFrom: {configMapKeyRef: {name: a}}}]",
      problems: ["\(main).env[0].valueFrom.configMapKeyRef.key: Required value"]),
    Row(
      container: "envFrom: [{prefix: 1, configMapRef: {name: a}}]".replacing("1,", with: "'1',"),
      problems: ["\(main).envFrom[0].prefix: Invalid value: \"1\": a valid environment"]),
    Row(
      container: "envFrom: [{configMapRef: {name: a}, secretRef: {name: b}}]",
      problems: ["\(main).envFrom: Invalid value: \"\": may not have more than one field"]),
  ])
  func environment(_ row: Row) throws { try self.check(row) }

  // MARK: Probes and hooks

  @Test(arguments: [
    Row(
      container: "livenessProbe: {httpGet: {port: 80, scheme: http}}",
      problems: [
        "\(main).livenessProbe.httpGet.scheme: Unsupported value: \"http\": supported values: \"HTTP\""
      ]),
    Row(
      container: "livenessProbe: {httpGet: {port: 80, httpHeaders: [{name: a b}]}}",
      problems: ["\(main).livenessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP"]),
    Row(
      container: "startupProbe: {tcpSocket: {port: 80}, successThreshold: 2}",
      problems: ["\(main).startupProbe.successThreshold: Invalid value: 2: must be 1"]),
    Row(
      container: "livenessProbe: {grpc: {port: 0}}",
      problems: ["\(main).livenessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535"]),
    Row(
      container: "lifecycle: {preStop: {sleep: {seconds: 0}}}",
      problems: ["\(main).lifecycle.preStop.sleep: Invalid value: 0: must be greater than 0"]),
    Row(container: "lifecycle: {preStop: {sleep: {seconds: 0}}}", release: 33, problems: []),
    Row(
      container: "lifecycle: {postStart: {exec: {command: [a]}, httpGet: {port: 1}}}",
      problems: ["\(main).lifecycle.postStart.httpGet: Forbidden: may not specify more than 1"]),
  ])
  func probesAndHooks(_ row: Row) throws { try self.check(row) }

  // MARK: Resources

  @Test(arguments: [
    Row(
      container: "resources: {requests: {example.com/gpu: 1}}",
      problems: [
        "\(main).resources.limits: Required value: Limit must be set for non overcommitable"
      ]),
    Row(
      container: "resources: {requests: {example.com/gpu: 1}, limits: {example.com/gpu: 2}}",
      problems: [
        "\(main).resources.requests: Invalid value: \"1\": must be equal to example.com/gpu limit of 2"
      ]),
    Row(
      container: "resources: {limits: {hugepages-2Mi: 3Mi, cpu: 1}}",
      problems: [
        "\(main).resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer",
        "\(main).resources.requests[hugepages-2Mi]: Invalid value: \"3Mi\"",
      ]),
    Row(
      container: "resources: {limits: {storage: 1Gi}}",
      problems: [
        "\(main).resources.limits[storage]: Invalid value: \"storage\": must be a standard resource for containers",
        "\(main).resources.requests[storage]: Invalid value: \"storage\"",
      ]),
    Row(
      container: "resources: {claims: [{name: a}, {name: a}]}", spec: "overhead: {cpu: -1}",
      problems: [
        "\(main).resources.claims[0]: Not found: \"a\": must be one of the names in pod.spec.resourceClaims",
        "\(main).resources.claims[1]: Duplicate value: \"a\"",
        "\(main).resources.claims[1]: Not found",
        "spec.overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
      ]),
  ])
  func resources(_ row: Row) throws { try self.check(row) }

  // MARK: Security

  @Test(arguments: [
    Row(
      container:
        "securityContext: {seccompProfile: {type: Foo}, appArmorProfile: {type: Localhost}}",
      problems: [
        "\(main).securityContext.seccompProfile.type: Unsupported value: \"Foo\"",
        "\(main).securityContext.appArmorProfile.localhostProfile: Required value: must be set when",
      ]),
    Row(
      container: "securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../a}}",
      problems: [
        "\(main).securityContext.seccompProfile.localhostProfile: Invalid value: \"../a\": must not"
      ]),
    Row(
      container:
        "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [CAP_SYS_ADMIN]}}",
      problems: ["\(main).securityContext: Invalid value"]),
    Row(
      spec:
        "hostNetwork: true\n  securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}]}",
      problems: [
        "spec.securityContext.sysctls[0].name: Invalid value: \"net.core.somaxconn\": may not be"
      ]),
    Row(
      spec:
        "hostNetwork: true\n  securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}]}",
      release: 26, problems: []),
    Row(
      spec: "securityContext: {runAsUser: 2147483648, fsGroupChangePolicy: Never}",
      problems: [
        "spec.securityContext.runAsUser: Invalid value: 2147483648: must be between 0 and 2147483647",
        "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"Never\"",
      ]),
    Row(
      spec: "os: {name: linux}\n  securityContext: {windowsOptions: {runAsUserName: 'a\\b\\c'}}",
      problems: [
        "spec.securityContext.windowsOptions.runAsUserName: Invalid value",
        "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
      ]),
    Row(
      container: "securityContext: {seccompProfile: {type: Unconfined}}",
      metadata:
        "annotations: {container.seccomp.security.alpha.kubernetes.io/main: runtime/default}",
      problems: [
        "\(main).securityContext.seccompProfile.type: Forbidden: seccomp type in annotation"
      ]),
    Row(
      metadata: "annotations: {container.apparmor.security.beta.kubernetes.io/other: unconfined}",
      problems: [
        "metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: \"other\": container not found"
      ]),
  ])
  func security(_ row: Row) throws { try self.check(row) }

  // MARK: Volumes

  @Test(arguments: [
    Row(
      spec: "volumes: [{name: v, hostPath: {path: /a}, emptyDir: {}}]",
      problems: ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"]),
    Row(
      container: "volumeMounts: [{name: v, mountPath: /a}]",
      spec: "volumes: [{name: v, nfs: {path: a, server: s}}]",
      problems: [
        "spec.volumes[0].nfs.path: Invalid value: \"a\": must be an absolute path",
        "\(main).volumeMounts[0].name: Not found: \"v\"",
      ]),
    Row(
      spec: "volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]",
      problems: ["spec.volumes[1].name: Duplicate value: \"v\""]),
    Row(
      container:
        "volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}, {name: v, mountPath: /a}]",
      spec: "volumes: [{name: v, emptyDir: {}}]",
      problems: [
        "\(main).volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available",
        "\(main).volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
      ]),
    Row(
      container: "volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: Enabled}]",
      spec: "volumes: [{name: v, emptyDir: {}}]",
      problems: [
        "\(main).volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly"
      ]),
    Row(
      spec:
        "volumes: [{name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: spec.nodeName}}, {path: b}]}}]",
      problems: [
        "spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: \"spec.nodeName\"",
        "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
      ]),
    Row(
      spec:
        "serviceAccountName: a\n  volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: ..a, expirationSeconds: 60}}]}}]",
      problems: [
        "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not",
        "spec.volumes[0].projected.path: Invalid value: \"..a\": must not start with '..'",
      ]),
    Row(
      spec:
        "volumes: [{name: v, projected: {sources: [{secret: {name: a, items: [{key: k, path: p}]}}, {configMap: {name: b, items: [{key: k, path: p}]}}]}}]",
      problems: ["spec.volumes[0].projected: Invalid value: \"p\": conflicting duplicate paths"]),
    Row(
      spec: "volumes: [{name: v, csi: {}}]",
      problems: [
        "spec.volumes[0].csi.driver: Required value", "spec.volumes[0].csi.driver: Invalid value",
      ]),
    Row(
      spec: "volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [Any]}}}}]",
      problems: [
        "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Unsupported value: \"Any\"",
        "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
      ]),
    Row(
      spec: "volumes: [{name: v, secret: {secretName: a}}]", release: 34,
      problems: ["static pods may not reference secrets"]),
  ])
  func volumes(_ row: Row) throws { try self.check(row) }

  // MARK: Scheduling and network

  @Test(arguments: [
    Row(
      spec: "tolerations: [{key: a, effect: Never}, {key: a, value: 'b c'}]",
      problems: [
        "spec.tolerations[0].effect: Unsupported value: \"Never\"",
        "spec.tolerations[1].operator: Invalid value: \"b c\"",
      ]),
    Row(
      spec:
        "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {matchExpressions: [{key: a, operator: Gt, values: ['1', '2']}]}}]}}",
      problems: [
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values: Required value: must be specified single value",
      ]),
    Row(
      spec:
        "affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: a, labelSelector: {matchExpressions: [{key: a, operator: In}]}}}]}}",
      problems: [
        "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector.matchExpressions[0].values: Required value: must be specified when"
      ]),
    Row(
      spec: "topologySpreadConstraints: [{}]",
      problems: [
        "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
        "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"\"",
      ]),
    Row(
      spec: "schedulingGates: [{name: a}, {name: a}]",
      problems: [
        "spec.schedulingGates[1]: Duplicate value: \"a\"",
        "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
      ]),
    Row(
      spec: "dnsPolicy: None\n  dnsConfig: {options: [{value: a}]}",
      problems: [
        "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver"
      ]),
    Row(
      spec: "dnsConfig: {searches: [a_b, .], options: [{}]}".replacing(" .]", with: " '.']"),
      release: 33, problems: ["spec.dnsConfig.options[0]: Required value: must not be empty"]),
    Row(
      spec: "hostAliases: [{ip: '::1', hostnames: [a_b]}]",
      problems: ["spec.hostAliases[0].hostnames[0]: Invalid value: \"a_b\""]),
    Row(
      spec: "hostAliases: [{ip: 010.1.1.1, hostnames: [a_b]}]", release: 26,
      problems: ["spec.hostAliases.hostnames: Invalid value: \"a_b\""]),
    Row(
      spec: "priorityClassName: A\n  preemptionPolicy: Maybe\n  subdomain: a.b",
      problems: [
        "spec.subdomain: Invalid value: \"a.b\"", "spec.priorityClassName: Invalid value: \"A\"",
        "spec.preemptionPolicy: Unsupported value: \"Maybe\"",
      ]),
    Row(
      spec: "resourceClaims: [{name: a, resourceClaimName: b}]",
      problems: ["static pods may not use ResourceClaims"]),
  ])
  func schedulingAndNetwork(_ row: Row) throws { try self.check(row) }

  // MARK: Metadata

  @Test(arguments: [
    Row(
      metadata: "ownerReferences: [{apiVersion: v1, kind: Node}]",
      problems: [
        "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
        "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
      ]),
    Row(
      metadata: "annotations: {a: \(String(repeating: "b", count: 256 << 10))}",
      problems: ["metadata.annotations: Too long: may not be more than 262144 bytes"]),
    Row(
      metadata: "annotations: {a: \(String(repeating: "b", count: 256 << 10))}", release: 26,
      problems: ["metadata.annotations: Too long: must have at most 262144 bytes"]),
    Row(
      metadata: "annotations: {a: \(String(repeating: "b", count: (256 << 10) - 1))}", problems: []),
    Row(metadata: "generateName: web-", problems: []),
    Row(
      metadata: "labels: {/a: b}",
      problems: ["metadata.labels: Invalid value: \"/a\": prefix part must be non-empty"]),
    Row(
      metadata: "annotations: {controller.kubernetes.io/pod-deletion-cost: a}",
      problems: [
        "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"a\": must be a 32bit"
      ]),
  ])
  func metadata(_ row: Row) throws { try self.check(row) }
}
