import KubernetesObjects

/// The fields of the kinds of objects, with their types. A status is not looked at: programs write it.
///
/// Source: `k8s.io/api/core/v1/types.go`, `k8s.io/api/coordination/v1/types.go`, 1.32.
enum ObjectSchema {
  static func type(of resource: APIResource, part: String? = nil) -> FieldType {
    if part == "scale" { return Self.scale }
    return self.types[resource] ?? .any
  }

  private static let types: [APIResource: FieldType] = [
    .pods: Self.kind(["spec": PodSchema.spec]),
    .namespaces: Self.kind(["spec": Self.structure("NamespaceSpec")]),
    .nodes: Self.kind(["spec": Self.structure("NodeSpec")]),
    .events: Self.kind(
      Self.declarations.structure("core.Event").fieldTypes.mapValues { $0[0].type }),
    .leases: Self.kind(["spec": Self.structure("LeaseSpec")]),
    .replicationControllers: Self.kind(["spec": Self.controllerSpec]),
  ]

  private static let scale = Self.kind(["spec": Self.object(["replicas": .int32])])

  private static let metadata: FieldType = {
    guard case .object(let fields) = PodSchema.pod else { return .any }
    return fields["metadata"]?.first?.type ?? .any
  }()

  private static let controllerSpec = Self.object([
    "replicas": .int32, "minReadySeconds": .int32, "selector": .map(.string),
    "template": Self.object(["metadata": Self.metadata, "spec": PodSchema.spec]),
  ])

  private static let declarations = GoDeclarations(
    """
    NamespaceSpec { Finalizers []string }
    NodeSpec {
      PodCIDR string key=podCIDR; PodCIDRs []string key=podCIDRs; ProviderID string key=providerID
      ExternalID string key=externalID; Unschedulable bool; Taints []Taint
      ConfigSource *NodeConfigSource
    }
    Taint { Key, Value, Effect string; TimeAdded *v1.Time }
    NodeConfigSource { ConfigMap *ConfigMapNodeConfigSource }
    ConfigMapNodeConfigSource {
      Namespace, Name, ResourceVersion, KubeletConfigKey string; UID string key=uid
    }
    Event {
      InvolvedObject ObjectReference; Related *ObjectReference; Source EventSource
      Reason, Message, Type, Action, ReportingInstance string
      ReportingController string key=reportingComponent; Count int32; Series *EventSeries
      FirstTimestamp, LastTimestamp, EventTime v1.Time
    }
    ObjectReference {
      Kind, Namespace, Name, ResourceVersion, FieldPath string; UID string key=uid
      APIVersion string key=apiVersion
    }
    EventSource { Component, Host string }
    EventSeries { Count int32; LastObservedTime v1.Time; State string }
    LeaseSpec {
      HolderIdentity, Strategy, PreferredHolder *string
      LeaseDurationSeconds, LeaseTransitions *int32; AcquireTime, RenewTime *v1.Time
    }
    """)

  private static func structure(_ name: String) -> FieldType {
    .object(Self.declarations.structure("core.\(name)").fieldTypes)
  }

  private static func object(_ types: [String: FieldType]) -> FieldType {
    .object(types.mapValues { [FieldType.Member($0)] })
  }

  private static func kind(_ own: [String: FieldType]) -> FieldType {
    Self.object(
      own.merging([
        "kind": .string, "apiVersion": .string, "metadata": Self.metadata, "status": .any,
      ]) { $1 })
  }
}
