/// The fields of a v1 Pod with their types: those of the kubelet's own types (``PodTypes``), except the
/// fields that the API has in another place.
///
/// `managedFields` and the conditions and containers of a status are checked and left out.
/// Source: `k8s.io/api/core/v1/types.go`, 1.36; `pkg/apis/core/v1/conversion.go`.
package enum PodSchema {
  package static let pod: FieldType = Self.object([
    "metadata": Self.with(
      ["managedFields": .discarded(.list(Self.managedFields))], Self.part("metadata")),
    "spec": spec,
    "status": Self.with(
      [
        "podIP": .string, "conditions": .discarded(.list(Self.condition)),
        "containerStatuses": .discarded(.list(Self.containerStatus)),
        "initContainerStatuses": .discarded(.list(Self.containerStatus)),
        "ephemeralContainerStatuses": .discarded(.list(Self.containerStatus)),
      ], Self.part("status")),
  ])

  private static let managedFields = Self.object([
    "manager": .string, "operation": .string, "apiVersion": .string, "time": .time,
    "fieldsType": .string, "fieldsV1": .any, "subresource": .string,
  ])

  private static let condition = Self.object([
    "type": .string, "status": .string, "reason": .string, "message": .string,
    "lastProbeTime": .time, "lastTransitionTime": .time,
  ])

  private static let containerStatus: FieldType = {
    let state = Self.object([
      "waiting": Self.object(["reason": .string, "message": .string]),
      "running": Self.object(["startedAt": .time]),
      "terminated": Self.object([
        "exitCode": .int32, "signal": .int32, "reason": .string, "message": .string,
        "startedAt": .time, "finishedAt": .time, "containerID": .string,
      ]),
    ])
    return Self.object([
      "name": .string, "state": state, "lastState": state, "ready": .boolean,
      "restartCount": .int32, "image": .string, "imageID": .string, "containerID": .string,
      "started": .boolean,
    ])
  }()

  package static let spec: FieldType = {
    var fields = PodTypes.spec.fieldTypes
    // The old name of `serviceAccountName`.
    fields["serviceAccount"] = [FieldType.Member(.string)]
    if var context = fields["securityContext"]?.first, case .object(var inner) = context.type {
      for name in Self.switches { fields[name] = inner.removeValue(forKey: name) }
      context.type = .object(inner)
      fields["securityContext"] = [context]
    }
    return .object(fields)
  }()

  /// Fields of the API's `spec` that the kubelet's types have in the pod's security context.
  package static let switches = [
    "hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace",
  ]

  /// The kinds of volumes; a volume has exactly one of these fields.
  package static let volumeKinds = PodTypes.volumeKinds.fields.compactMap(\.key)

  private static func part(_ name: String) -> FieldType {
    PodTypes.pod.fieldTypes[name]?.first?.type ?? .object([:])
  }

  private static func object(_ types: [String: FieldType]) -> FieldType {
    .object(types.mapValues { [FieldType.Member($0)] })
  }

  private static func with(_ more: [String: FieldType], _ type: FieldType) -> FieldType {
    guard case .object(let fields) = type else { return type }
    return .object(fields.merging(more.mapValues { [FieldType.Member($0)] }) { $1 })
  }
}
