import Testing

@testable import KubernetesObjects

private let main = "spec.containers[0]"

/// As ``PodValidationTests``, for what is not in containers.
@Suite struct PodSpecValidationTests {
  // MARK: Volumes

  @Test(arguments: [
    ValidationRow(
      spec: "volumes: [{name: v, hostPath: {path: /a}, emptyDir: {}}]",
      problems: ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"]),
    ValidationRow(
      container: "volumeMounts: [{name: v, mountPath: /a}]",
      spec: "volumes: [{name: v, nfs: {path: a, server: s}}]",
      problems: [
        "spec.volumes[0].nfs.path: Invalid value: \"a\": must be an absolute path",
        "\(main).volumeMounts[0].name: Not found: \"v\"",
      ]),
    ValidationRow(
      spec: "volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]",
      problems: ["spec.volumes[1].name: Duplicate value: \"v\""]),
    ValidationRow(
      container:
        "volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}, {name: v, mountPath: /a}]",
      spec: "volumes: [{name: v, emptyDir: {}}]",
      problems: [
        "\(main).volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available",
        "\(main).volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
      ]),
    ValidationRow(
      container: "volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: Enabled}]",
      spec: "volumes: [{name: v, emptyDir: {}}]",
      problems: [
        "\(main).volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly"
      ]),
    ValidationRow(
      spec:
        "volumes: [{name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: spec.nodeName}}, {path: b}]}}]",
      problems: [
        "spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: \"spec.nodeName\"",
        "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
      ]),
    ValidationRow(
      spec:
        "serviceAccountName: a\n  volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: ..a, expirationSeconds: 60}}]}}]",
      problems: [
        "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not",
        "spec.volumes[0].projected.path: Invalid value: \"..a\": must not start with '..'",
      ]),
    ValidationRow(
      spec:
        "volumes: [{name: v, projected: {sources: [{secret: {name: a, items: [{key: k, path: p}]}}, {configMap: {name: b, items: [{key: k, path: p}]}}]}}]",
      problems: ["spec.volumes[0].projected: Invalid value: \"p\": conflicting duplicate paths"]),
    ValidationRow(
      spec: "volumes: [{name: v, csi: {}}]",
      problems: [
        "spec.volumes[0].csi.driver: Required value", "spec.volumes[0].csi.driver: Invalid value",
      ]),
    ValidationRow(
      spec: "volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [Any]}}}}]",
      problems: [
        "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Unsupported value: \"Any\"",
        "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
      ]),
    ValidationRow(
      spec: "volumes: [{name: v, secret: {secretName: a}}]", release: 34,
      problems: ["static pods may not reference secrets"]),
  ])
  func volumes(_ row: ValidationRow) throws { try row.check() }

  // MARK: Scheduling and network

  @Test(arguments: [
    ValidationRow(
      spec: "tolerations: [{key: a, effect: Never}, {key: a, value: 'b c'}]",
      problems: [
        "spec.tolerations[0].effect: Unsupported value: \"Never\"",
        "spec.tolerations[1].operator: Invalid value: \"b c\"",
      ]),
    ValidationRow(
      spec:
        "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {matchExpressions: [{key: a, operator: Gt, values: ['1', '2']}]}}]}}",
      problems: [
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values: Required value: must be specified single value",
      ]),
    ValidationRow(
      spec:
        "affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: a, labelSelector: {matchExpressions: [{key: a, operator: In}]}}}]}}",
      problems: [
        "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector.matchExpressions[0].values: Required value: must be specified when"
      ]),
    ValidationRow(
      spec: "topologySpreadConstraints: [{}]",
      problems: [
        "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
        "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"\"",
      ]),
    ValidationRow(
      spec: "schedulingGates: [{name: a}, {name: a}]",
      problems: [
        "spec.schedulingGates[1]: Duplicate value: \"a\"",
        "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
      ]),
    ValidationRow(
      spec: "dnsPolicy: None\n  dnsConfig: {options: [{value: a}]}",
      problems: [
        "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver"
      ]),
    ValidationRow(
      spec: "dnsConfig: {searches: [a_b, .], options: [{}]}".replacing(" .]", with: " '.']"),
      release: 33, problems: ["spec.dnsConfig.options[0]: Required value: must not be empty"]),
    ValidationRow(
      spec: "hostAliases: [{ip: '::1', hostnames: [a_b]}]",
      problems: ["spec.hostAliases[0].hostnames[0]: Invalid value: \"a_b\""]),
    ValidationRow(
      spec: "hostAliases: [{ip: 010.1.1.1, hostnames: [a_b]}]", release: 26,
      problems: ["spec.hostAliases.hostnames: Invalid value: \"a_b\""]),
    ValidationRow(
      spec: "priorityClassName: A\n  preemptionPolicy: Maybe\n  subdomain: a.b",
      problems: [
        "spec.subdomain: Invalid value: \"a.b\"", "spec.priorityClassName: Invalid value: \"A\"",
        "spec.preemptionPolicy: Unsupported value: \"Maybe\"",
      ]),
    ValidationRow(
      spec: "resourceClaims: [{name: a, resourceClaimName: b}]",
      problems: ["static pods may not use ResourceClaims"]),
  ])
  func schedulingAndNetwork(_ row: ValidationRow) throws { try row.check() }

  // MARK: Metadata

  @Test(arguments: [
    ValidationRow(
      metadata: "ownerReferences: [{apiVersion: v1, kind: Node}]",
      problems: [
        "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
        "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
      ]),
    ValidationRow(
      metadata: "annotations: {a: \(String(repeating: "b", count: 256 << 10))}",
      problems: ["metadata.annotations: Too long: may not be more than 262144 bytes"]),
    ValidationRow(
      metadata: "annotations: {a: \(String(repeating: "b", count: 256 << 10))}", release: 26,
      problems: ["metadata.annotations: Too long: must have at most 262144 bytes"]),
    ValidationRow(
      metadata: "annotations: {a: \(String(repeating: "b", count: (256 << 10) - 1))}", problems: []),
    ValidationRow(metadata: "generateName: web-", problems: []),
    ValidationRow(
      metadata: "labels: {/a: b}",
      problems: ["metadata.labels: Invalid value: \"/a\": prefix part must be non-empty"]),
    ValidationRow(
      metadata: "annotations: {controller.kubernetes.io/pod-deletion-cost: a}",
      problems: [
        "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"a\": must be a 32bit"
      ]),
  ])
  func metadata(_ row: ValidationRow) throws { try row.check() }
}
