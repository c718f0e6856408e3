/// The form of a value in the API: what a manifest's field must be.
indirect enum FieldType: Sendable {
  case string
  case boolean
  case int32
  case int64
  /// A port by number or by name.
  case intOrString
  /// A string or a number, such as a resource quantity.
  case quantity
  /// Anything: parts of the API of which nothing is used here.
  case any
  case list(FieldType)
  case map(FieldType)
  case object([String: FieldType])

  /// What Go's decoder calls it.
  private var goName: String {
    switch self {
    case .string, .quantity: "string"
    case .boolean: "bool"
    case .int32: "int32"
    case .int64: "int64"
    case .intOrString: "intstr.IntOrString"
    case .any: "any"
    case .list: "list"
    case .map: "map"
    case .object: "object"
    }
  }

  /// What Go's decoder makes of a null in a list or a map.
  private var zero: JSONValue {
    switch self {
    case .string: ""
    case .boolean: false
    case .int32, .int64, .intOrString, .quantity: 0
    case .any: nil
    case .list: []
    case .map, .object: [:]
    }
  }

  /// Keeps of a value what the API knows: unknown fields and nulls vanish without a message, as in a
  /// decoder that is not strict. Wrong types are appended to `problems`.
  func decode(_ value: JSONValue, at path: String, problems: inout [FieldProblem]) -> JSONValue {
    switch (self, value) {
    case (.string, .string), (.boolean, .boolean), (.int64, .integer), (.any, _),
      (.quantity, .string), (.quantity, .integer), (.quantity, .number), (.intOrString, .string):
      return value
    case (.int32, .integer(let number)), (.intOrString, .integer(let number)):
      if Int32(exactly: number) != nil { return value }
    case (.list(let type), .array(let elements)):
      return .array(
        elements.enumerated().map { index, element in
          type.decode(
            element == .null ? type.zero : element, at: "\(path)[\(index)]", problems: &problems)
        })
    case (.map(let type), .object(let members)):
      var result: [String: JSONValue] = [:]
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        result[key] = type.decode(
          member == .null ? type.zero : member, at: "\(path).\(key)", problems: &problems)
      }
      return .object(result)
    case (.object(let fields), .object(let members)):
      var result: [String: JSONValue] = [:]
      for (name, type) in fields.sorted(by: { $0.key < $1.key }) {
        guard let member = members[name], member != .null else { continue }
        let path = path.isEmpty ? name : "\(path).\(name)"
        result[name] = type.decode(member, at: path, problems: &problems)
      }
      return .object(result)
    default: break
    }
    problems.append(
      FieldProblem(
        field: path.isEmpty ? nil : path,
        "cannot unmarshal \(value.kind) into a field of type \(self.goName)"))
    return .null
  }
}

/// The fields of a v1 Pod, with their types.
///
/// Parts that static pods rarely use are taken as they are (``FieldType/any``): a wrong type in there
/// is not noticed. Source: `k8s.io/api/core/v1/types.go`, 1.32.
enum PodSchema {
  static let pod: FieldType = .object(["metadata": Self.metadata, "spec": Self.spec])

  private static let metadata: FieldType = .object([
    "name": .string, "generateName": .string, "namespace": .string, "uid": .string,
    "labels": .map(.string), "annotations": .map(.string), "finalizers": .list(.string),
    "ownerReferences": .any,
  ])

  private static let spec: FieldType = .object([
    "containers": .list(Self.container), "initContainers": .list(Self.container),
    "volumes": .list(Self.volume), "restartPolicy": .string,
    "terminationGracePeriodSeconds": .int64, "activeDeadlineSeconds": .int64,
    "dnsPolicy": .string, "dnsConfig": .any, "nodeSelector": .map(.string), "nodeName": .string,
    "serviceAccountName": .string, "automountServiceAccountToken": .boolean,
    "hostNetwork": .boolean, "hostPID": .boolean, "hostIPC": .boolean, "hostUsers": .boolean,
    "shareProcessNamespace": .boolean, "securityContext": .any,
    "imagePullSecrets": .list(.object(["name": .string])), "hostname": .string,
    "subdomain": .string, "setHostnameAsFQDN": .boolean, "affinity": .any,
    "schedulerName": .string, "tolerations": .list(Self.toleration),
    "hostAliases": .list(.object(["ip": .string, "hostnames": .list(.string)])),
    "priorityClassName": .string, "priority": .int32, "preemptionPolicy": .string,
    "readinessGates": .any, "runtimeClassName": .string, "enableServiceLinks": .boolean,
    "overhead": .map(.quantity), "topologySpreadConstraints": .any, "os": .any,
    "schedulingGates": .any, "resourceClaims": .any, "ephemeralContainers": .any,
  ])

  private static let toleration: FieldType = .object([
    "key": .string, "operator": .string, "value": .string, "effect": .string,
    "tolerationSeconds": .int64,
  ])

  private static let container: FieldType = .object([
    "name": .string, "image": .string, "command": .list(.string), "args": .list(.string),
    "workingDir": .string, "ports": .list(Self.port), "env": .list(Self.environment),
    "envFrom": .any, "resources": Self.resources, "resizePolicy": .any, "restartPolicy": .string,
    "volumeMounts": .list(Self.mount), "volumeDevices": .any, "livenessProbe": Self.probe,
    "readinessProbe": Self.probe, "startupProbe": Self.probe,
    "lifecycle": .object([
      "preStop": Self.hook, "postStart": Self.hook, "stopSignal": .string,
    ]),
    "terminationMessagePath": .string, "terminationMessagePolicy": .string,
    "imagePullPolicy": .string, "securityContext": Self.securityContext, "stdin": .boolean,
    "stdinOnce": .boolean, "tty": .boolean,
  ])

  private static let port: FieldType = .object([
    "name": .string, "hostPort": .int32, "containerPort": .int32, "protocol": .string,
    "hostIP": .string,
  ])

  private static let environment: FieldType = .object([
    "name": .string, "value": .string, "valueFrom": .any,
  ])

  private static let resources: FieldType = .object([
    "limits": .map(.quantity), "requests": .map(.quantity), "claims": .any,
  ])

  private static let mount: FieldType = .object([
    "name": .string, "readOnly": .boolean, "recursiveReadOnly": .string, "mountPath": .string,
    "subPath": .string, "subPathExpr": .string, "mountPropagation": .string,
  ])

  /// What a hook or a probe does.
  private static let handlers: [String: FieldType] = [
    "exec": .object(["command": .list(.string)]),
    "httpGet": .object([
      "path": .string, "port": .intOrString, "host": .string, "scheme": .string,
      "httpHeaders": .list(.object(["name": .string, "value": .string])),
    ]),
    "tcpSocket": .object(["port": .intOrString, "host": .string]),
  ]

  private static let hook: FieldType = .object(
    Self.handlers.merging(["sleep": .object(["seconds": .int64])]) { $1 })

  private static let probe: FieldType = .object(
    Self.handlers.merging([
      "grpc": .object(["port": .int32, "service": .string]),
      "initialDelaySeconds": .int32, "timeoutSeconds": .int32, "periodSeconds": .int32,
      "successThreshold": .int32, "failureThreshold": .int32,
      "terminationGracePeriodSeconds": .int64,
    ]) { $1 })

  private static let securityContext: FieldType = .object([
    "privileged": .boolean, "capabilities": .any, "runAsUser": .int64, "runAsGroup": .int64,
    "runAsNonRoot": .boolean, "readOnlyRootFilesystem": .boolean,
    "allowPrivilegeEscalation": .boolean, "procMount": .string, "seLinuxOptions": .any,
    "seccompProfile": .any, "appArmorProfile": .any, "windowsOptions": .any,
  ])

  private static let volume: FieldType = .object(
    Dictionary(uniqueKeysWithValues: Self.volumeSources.map { ($0, FieldType.any) })
      .merging([
        "name": .string,
        "hostPath": .object(["path": .string, "type": .string]),
        "emptyDir": .object(["medium": .string, "sizeLimit": .quantity]),
      ]) { $1 })

  /// Where a volume's content can come from; a volume has exactly one of these.
  static let volumeSources = [
    "hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs",
    "iscsi", "glusterfs", "persistentVolumeClaim", "rbd", "flexVolume", "cinder", "cephfs",
    "flocker", "downwardAPI", "fc", "azureFile", "configMap", "vsphereVolume", "quobyte",
    "azureDisk", "photonPersistentDisk", "projected", "portworxVolume", "scaleIO", "storageos",
    "csi", "ephemeral", "image",
  ]
}
