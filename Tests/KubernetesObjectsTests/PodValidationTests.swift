import Testing

@testable import KubernetesObjects

private let main = "spec.containers[0]"

/// Rules that the compared manifests (`ReleaseVerdictTests`) do not touch, by topic; the words are the API's.
@Suite struct PodValidationTests {
  @Test func aPlainPodIsValid() throws { try ValidationRow(problems: []).check() }

  // MARK: Containers

  @Test(arguments: [
    ValidationRow(
      container: "ports: [{containerPort: 70000}]",
      problems: [
        "\(main).ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535"
      ]),
    ValidationRow(
      container: "ports: [{containerPort: 80, hostPort: -1}]",
      problems: ["\(main).ports[0].hostPort: Invalid value: -1: must be between 1 and 65535"]),
    ValidationRow(
      container: "ports: [{containerPort: 80, protocol: tcp}]",
      problems: [
        #"\#(main).ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP""#
      ]),
    ValidationRow(
      container: "ports: [{name: '80', containerPort: 80}, {name: a--b, containerPort: 81}]",
      problems: [
        "\(main).ports[0].name: Invalid value: \"80\": must contain at least one letter (a-z)",
        "\(main).ports[1].name: Invalid value: \"a--b\": must not contain consecutive hyphens",
      ]),
    ValidationRow(
      container: "ports: [{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 80}]",
      problems: ["\(main).ports[1].hostPort: Duplicate value: \"TCP//80\""]),
    ValidationRow(
      container: "ports: [{containerPort: 80, hostPort: 81}]", spec: "hostNetwork: true",
      release: 26,
      problems: ["\(main).ports[0].containerPort: Invalid value: 80: must match `hostPort`"]),
    ValidationRow(
      container: "ports: [{containerPort: 80, hostPort: 81}]", spec: "hostNetwork: true",
      problems: ["\(main).ports[0].hostPort: Invalid value: 81: must match `containerPort`"]),
    ValidationRow(
      container: "restartPolicy: Always",
      problems: ["\(main).restartPolicy: Forbidden: may not be set for non-init containers"]),
    ValidationRow(container: "restartPolicy: Always", release: 26, problems: []),
    ValidationRow(
      container: "resizePolicy: [{resourceName: cpu, restartPolicy: Maybe}]",
      problems: ["\(main).resizePolicy: Unsupported value: \"Maybe\""]),
    ValidationRow(
      spec: "initContainers: [{name: main, image: a, livenessProbe: {exec: {command: [a]}}}]",
      problems: [
        "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers "
          + "without restartPolicy=Always",
        "spec.initContainers[0].name: Duplicate value: \"main\"",
      ]),
    ValidationRow(
      spec: "ephemeralContainers: [{name: debug, image: a}]",
      problems: ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
    ValidationRow(
      container: "securityContext: {privileged: true}", allowsPrivileged: false,
      problems: ["\(main).securityContext.privileged: Forbidden: disallowed by cluster policy"]),
  ])
  func containers(_ row: ValidationRow) throws { try row.check() }

  // MARK: Environment

  @Test(arguments: [
    ValidationRow(
      container: "env: [{value: a}]", problems: ["\(main).env[0].name: Required value"]),
    ValidationRow(
      container: "env: [{name: 1A, value: a}]",
      problems: ["\(main).env[0].name: Invalid value: \"1A\": a valid environment variable name"]),
    ValidationRow(container: "env: [{name: 1 A, value: a}]", release: 34, problems: []),
    ValidationRow(
      container: "env: [{name: A, value: a, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]",
      problems: [
        "\(main).env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not"
      ]),
    ValidationRow(
      container:
        "env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.nodeName}, configMapKeyRef: {name: a, key: b}}}]",
      problems: [
        "\(main).env[0].valueFrom: Invalid value: \"\": may not have more than one field specified"
      ]),
    ValidationRow(
      container: "env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['a']\"}}}]",
      problems: []),
    ValidationRow(
      container: "env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['a b']\"}}}]",
      problems: ["\(main).env[0].valueFrom.fieldRef: Invalid value: \"a b\": name part must"]),
    ValidationRow(
      container:
        "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 2}}}]",
      problems: [
        "\(main).env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's"
      ]),
    ValidationRow(
      container: "env: [{name: A, valueFrom: {configMapKeyRef: {name: a}}}]",
      problems: ["\(main).env[0].valueFrom.configMapKeyRef.key: Required value"]),
    ValidationRow(
      container: "envFrom: [{prefix: 1, configMapRef: {name: a}}]".replacing("1,", with: "'1',"),
      problems: ["\(main).envFrom[0].prefix: Invalid value: \"1\": a valid environment"]),
    ValidationRow(
      container: "envFrom: [{configMapRef: {name: a}, secretRef: {name: b}}]",
      problems: ["\(main).envFrom: Invalid value: \"\": may not have more than one field"]),
  ])
  func environment(_ row: ValidationRow) throws { try row.check() }

  // MARK: Probes and hooks

  @Test(arguments: [
    ValidationRow(
      container: "livenessProbe: {httpGet: {port: 80, scheme: http}}",
      problems: [
        "\(main).livenessProbe.httpGet.scheme: Unsupported value: \"http\": supported values: \"HTTP\""
      ]),
    ValidationRow(
      container: "livenessProbe: {httpGet: {port: 80, httpHeaders: [{name: a b}]}}",
      problems: ["\(main).livenessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP"]),
    ValidationRow(
      container: "startupProbe: {tcpSocket: {port: 80}, successThreshold: 2}",
      problems: ["\(main).startupProbe.successThreshold: Invalid value: 2: must be 1"]),
    ValidationRow(
      container: "livenessProbe: {grpc: {port: 0}}",
      problems: ["\(main).livenessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535"]),
    ValidationRow(
      container: "lifecycle: {preStop: {sleep: {seconds: 0}}}",
      problems: ["\(main).lifecycle.preStop.sleep: Invalid value: 0: must be greater than 0"]),
    ValidationRow(
      container: "lifecycle: {preStop: {sleep: {seconds: 0}}}", release: 33, problems: []),
    ValidationRow(
      container: "lifecycle: {postStart: {exec: {command: [a]}, httpGet: {port: 1}}}",
      problems: ["\(main).lifecycle.postStart.httpGet: Forbidden: may not specify more than 1"]),
  ])
  func probesAndHooks(_ row: ValidationRow) throws { try row.check() }

  // MARK: Resources

  @Test(arguments: [
    ValidationRow(
      container: "resources: {requests: {example.com/gpu: 1}}",
      problems: [
        "\(main).resources.limits: Required value: Limit must be set for non overcommitable"
      ]),
    ValidationRow(
      container: "resources: {requests: {example.com/gpu: 1}, limits: {example.com/gpu: 2}}",
      problems: [
        "\(main).resources.requests: Invalid value: \"1\": must be equal to example.com/gpu limit of 2"
      ]),
    ValidationRow(
      container: "resources: {limits: {hugepages-2Mi: 3Mi, cpu: 1}}",
      problems: [
        "\(main).resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer",
        "\(main).resources.requests[hugepages-2Mi]: Invalid value: \"3Mi\"",
      ]),
    ValidationRow(
      container: "resources: {limits: {storage: 1Gi}}",
      problems: [
        "\(main).resources.limits[storage]: Invalid value: \"storage\": must be a standard resource for containers",
        "\(main).resources.requests[storage]: Invalid value: \"storage\"",
      ]),
    ValidationRow(
      container: "resources: {claims: [{name: a}, {name: a}]}", spec: "overhead: {cpu: -1}",
      problems: [
        "\(main).resources.claims[0]: Not found: \"a\": must be one of the names in pod.spec.resourceClaims",
        "\(main).resources.claims[1]: Duplicate value: \"a\"",
        "\(main).resources.claims[1]: Not found",
        "spec.overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
      ]),
  ])
  func resources(_ row: ValidationRow) throws { try row.check() }

  // MARK: Security

  @Test(arguments: [
    ValidationRow(
      container:
        "securityContext: {seccompProfile: {type: Foo}, appArmorProfile: {type: Localhost}}",
      problems: [
        "\(main).securityContext.seccompProfile.type: Unsupported value: \"Foo\"",
        "\(main).securityContext.appArmorProfile.localhostProfile: Required value: must be set when",
      ]),
    ValidationRow(
      container: "securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../a}}",
      problems: [
        "\(main).securityContext.seccompProfile.localhostProfile: Invalid value: \"../a\": must not"
      ]),
    ValidationRow(
      container:
        "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [CAP_SYS_ADMIN]}}",
      problems: ["\(main).securityContext: Invalid value"]),
    ValidationRow(
      spec:
        "hostNetwork: true\n  securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}]}",
      problems: [
        "spec.securityContext.sysctls[0].name: Invalid value: \"net.core.somaxconn\": may not be"
      ]),
    ValidationRow(
      spec:
        "hostNetwork: true\n  securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}]}",
      release: 26, problems: []),
    ValidationRow(
      spec: "securityContext: {runAsUser: 2147483648, fsGroupChangePolicy: Never}",
      problems: [
        "spec.securityContext.runAsUser: Invalid value: 2147483648: must be between 0 and 2147483647",
        "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"Never\"",
      ]),
    ValidationRow(
      spec: "os: {name: linux}\n  securityContext: {windowsOptions: {runAsUserName: 'a\\b\\c'}}",
      problems: [
        "spec.securityContext.windowsOptions.runAsUserName: Invalid value",
        "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
      ]),
    ValidationRow(
      container: "securityContext: {seccompProfile: {type: Unconfined}}",
      metadata:
        "annotations: {container.seccomp.security.alpha.kubernetes.io/main: runtime/default}",
      problems: [
        "\(main).securityContext.seccompProfile.type: Forbidden: seccomp type in annotation"
      ]),
    ValidationRow(
      metadata: "annotations: {container.apparmor.security.beta.kubernetes.io/other: unconfined}",
      problems: [
        "metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: \"other\": container not found"
      ]),
  ])
  func security(_ row: ValidationRow) throws { try row.check() }
}
