/// The kubelet's own types of a pod: names, types and order of the fields, and the releases that have them.
///
/// ``PodUID`` prints a pod by these types, and ``PodSchema`` reads manifests by them.
/// Source: `pkg/apis/core/types.go`, `apimachinery/pkg/apis/meta/v1/types.go`, 1.17 to 1.36; checked
/// against recorded pods of real kubelets (``PodUID/exactReleases``).
package enum PodTypes {
  package typealias Field = GoStructure.Field

  package static let pod = GoStructure(
    "core.Pod",
    [
      .embedded(Self.typeMeta),
      Field("ObjectMeta", .structure(Self.objectMeta), key: "metadata"),
      Field("Spec", .structure(Self.spec)),
      Field("Status", .structure(Self.status)),
    ])

  private static let typeMeta = GoStructure(
    "v1.TypeMeta", [Field("Kind", .string), Field("APIVersion", .string)])

  package static let objectMeta = GoStructure(
    "v1.ObjectMeta",
    [
      Field("Name", .string), Field("GenerateName", .string), Field("Namespace", .string),
      Field("SelfLink", .string), Field("UID", .text("types.UID")),
      Field("ResourceVersion", .string), Field("Generation", .int64),
      Field("CreationTimestamp", .time), Field("DeletionTimestamp", .unread("*v1.Time")),
      Field("DeletionGracePeriodSeconds", .pointer(.int64)),
      Field("Labels", .stringMap), Field("Annotations", .stringMap),
      Field("OwnerReferences", .list(.structure(Self.ownerReference))),
      Field("Finalizers", .strings),
      Field("ClusterName", .string, until: 23),
      Field("ZZZ_DeprecatedClusterName", .string, key: "clusterName", since: 24, until: 24),
      Field("ManagedFields", .unread("[]v1.ManagedFieldsEntry")),
    ])

  private static let ownerReference = GoStructure(
    "v1.OwnerReference",
    [
      Field("APIVersion", .string), Field("Kind", .string), Field("Name", .string),
      Field("UID", .text("types.UID")), Field("Controller", .pointer(.boolean)),
      Field("BlockOwnerDeletion", .pointer(.boolean)),
    ])

  package static let spec = GoStructure(
    "core.PodSpec",
    [
      Field("Volumes", .list(.structure(Self.volume))),
      Field("InitContainers", .list(.structure(Self.container))),
      Field("Containers", .list(.structure(Self.container))),
      Field("EphemeralContainers", .list(.structure(Self.ephemeralContainer))),
      Field("RestartPolicy", .text("core.RestartPolicy")),
      Field("TerminationGracePeriodSeconds", .pointer(.int64)),
      Field("ActiveDeadlineSeconds", .pointer(.int64)),
      Field("DNSPolicy", .text("core.DNSPolicy")), Field("NodeSelector", .stringMap),
      Field("ServiceAccountName", .string),
      Field("AutomountServiceAccountToken", .pointer(.boolean)), Field("NodeName", .string),
      Field("SecurityContext", .pointer(.structure(Self.podSecurityContext))),
      Field("ImagePullSecrets", .list(.structure(Self.localReference))),
      Field("Hostname", .string), Field("Subdomain", .string),
      Field("SetHostnameAsFQDN", .pointer(.boolean), since: 19),
      Field("Affinity", .pointer(.structure(Self.affinity))), Field("SchedulerName", .string),
      Field("Tolerations", .list(.structure(Self.toleration))),
      Field("HostAliases", .list(.structure(Self.hostAlias))),
      Field("PriorityClassName", .string), Field("Priority", .pointer(.int32)),
      Field("PreemptionPolicy", .pointer(.text("core.PreemptionPolicy"))),
      Field("DNSConfig", .pointer(.structure(Self.dnsConfig))),
      Field("ReadinessGates", .list(.structure(Self.readinessGate))),
      Field("RuntimeClassName", .pointer(.string)), Field("Overhead", Self.resourceList),
      Field("EnableServiceLinks", .pointer(.boolean)),
      Field("TopologySpreadConstraints", .list(.structure(Self.topologySpreadConstraint))),
      Field("OS", .pointer(.structure(Self.operatingSystem)), since: 23),
      Field("SchedulingGates", .list(.structure(Self.schedulingGate)), since: 26),
      Field("ResourceClaims", .list(.structure(Self.podResourceClaim)), since: 26),
      Field("Resources", .pointer(.structure(Self.resourceRequirements)), since: 32),
      Field("HostnameOverride", .pointer(.string), since: 34),
      Field("SchedulingGroup", .pointer(.structure(Self.schedulingGroup)), since: 36),
    ])

  /// Without times, conditions and containers, which are not read.
  private static let status = GoStructure(
    "core.PodStatus",
    [
      Field("ObservedGeneration", .int64, since: 33), Field("Phase", .text("core.PodPhase")),
      Field("Conditions", .unread("[]core.PodCondition")), Field("Message", .string),
      Field("Reason", .string), Field("NominatedNodeName", .string), Field("HostIP", .string),
      Field("HostIPs", .list(.structure(Self.hostIP)), since: 28),
      Field("PodIPs", .list(.structure(Self.podIP))), Field("StartTime", .unread("*v1.Time")),
      Field("QOSClass", .text("core.PodQOSClass")),
      Field("InitContainerStatuses", .unread("[]core.ContainerStatus")),
      Field("ContainerStatuses", .unread("[]core.ContainerStatus")),
      Field("EphemeralContainerStatuses", .unread("[]core.ContainerStatus")),
      Field("Resize", .text("core.PodResizeStatus"), since: 27),
      Field("ResourceClaimStatuses", .unread("[]core.PodResourceClaimStatus"), since: 28),
      Field(
        "ExtendedResourceClaimStatus", .unread("*core.PodExtendedResourceClaimStatus"), since: 34),
      Field("AllocatedResources", .unread("core.ResourceList"), since: 35),
      Field("Resources", .unread("*core.ResourceRequirements"), since: 35),
      Field(
        "NodeAllocatableResourceClaimStatuses",
        .unread("[]core.NodeAllocatableResourceClaimStatus"), since: 36),
    ])

  private static let hostIP = GoStructure("core.HostIP", [Field("IP", .string)])
  private static let podIP = GoStructure("core.PodIP", [Field("IP", .string)])

  // MARK: Containers

  private static let container = GoStructure("core.Container", Self.containerFields)

  private static let ephemeralContainer = GoStructure(
    "core.EphemeralContainer",
    [
      .embedded(GoStructure("core.EphemeralContainerCommon", Self.containerFields)),
      Field("TargetContainerName", .string),
    ])

  private static let containerFields: [Field] = [
    Field("Name", .string), Field("Image", .string), Field("Command", .strings),
    Field("Args", .strings), Field("WorkingDir", .string),
    Field("Ports", .list(.structure(Self.containerPort))),
    Field("EnvFrom", .list(.structure(Self.environmentFrom))),
    Field("Env", .list(.structure(Self.environmentVariable))),
    Field("Resources", .structure(Self.resourceRequirements)),
    Field("ResizePolicy", .list(.structure(Self.resizePolicy)), since: 27),
    Field("RestartPolicy", .pointer(.text("core.ContainerRestartPolicy")), since: 28),
    Field("RestartPolicyRules", .list(.structure(Self.restartRule)), since: 34),
    Field("VolumeMounts", .list(.structure(Self.volumeMount))),
    Field("VolumeDevices", .list(.structure(Self.volumeDevice))),
    Field("LivenessProbe", .pointer(.structure(Self.probe))),
    Field("ReadinessProbe", .pointer(.structure(Self.probe))),
    Field("StartupProbe", .pointer(.structure(Self.probe))),
    Field("Lifecycle", .pointer(.structure(Self.lifecycle))),
    Field("TerminationMessagePath", .string),
    Field("TerminationMessagePolicy", .text("core.TerminationMessagePolicy")),
    Field("ImagePullPolicy", .text("core.PullPolicy")),
    Field("SecurityContext", .pointer(.structure(Self.securityContext))),
    Field("Stdin", .boolean), Field("StdinOnce", .boolean), Field("TTY", .boolean),
  ]

  private static let containerPort = GoStructure(
    "core.ContainerPort",
    [
      Field("Name", .string), Field("HostPort", .int32), Field("ContainerPort", .int32),
      Field("Protocol", .text("core.Protocol")), Field("HostIP", .string),
    ])

  private static let environmentFrom = GoStructure(
    "core.EnvFromSource",
    [
      Field("Prefix", .string),
      Field(
        "ConfigMapRef", .pointer(.structure(Self.optionalReference("core.ConfigMapEnvSource")))),
      Field("SecretRef", .pointer(.structure(Self.optionalReference("core.SecretEnvSource")))),
    ])

  private static let environmentVariable = GoStructure(
    "core.EnvVar",
    [
      Field("Name", .string), Field("Value", .string),
      Field("ValueFrom", .pointer(.structure(Self.environmentSource))),
    ])

  private static let environmentSource = GoStructure(
    "core.EnvVarSource",
    [
      Field("FieldRef", .pointer(.structure(Self.fieldSelector))),
      Field("ResourceFieldRef", .pointer(.structure(Self.resourceFieldSelector))),
      Field("ConfigMapKeyRef", .pointer(.structure(Self.keySelector("core.ConfigMapKeySelector")))),
      Field("SecretKeyRef", .pointer(.structure(Self.keySelector("core.SecretKeySelector")))),
      Field("FileKeyRef", .pointer(.structure(Self.fileKeySelector)), since: 34),
    ])

  package static let fieldSelector = GoStructure(
    "core.ObjectFieldSelector", [Field("APIVersion", .string), Field("FieldPath", .string)])

  package static let resourceFieldSelector = GoStructure(
    "core.ResourceFieldSelector",
    [Field("ContainerName", .string), Field("Resource", .string), Field("Divisor", .quantity)])

  private static let fileKeySelector = GoStructure(
    "core.FileKeySelector",
    [
      Field("VolumeName", .string), Field("Path", .string), Field("Key", .string),
      Field("Optional", .pointer(.boolean)),
    ])

  package static let localReference = GoStructure(
    "core.LocalObjectReference", [Field("Name", .string)])

  private static func optionalReference(_ name: String) -> GoStructure {
    GoStructure(
      name, [.embedded(Self.localReference), Field("Optional", .pointer(.boolean))])
  }

  private static func keySelector(_ name: String) -> GoStructure {
    GoStructure(
      name,
      [
        .embedded(Self.localReference), Field("Key", .string),
        Field("Optional", .pointer(.boolean)),
      ])
  }

  package static let resourceList: GoType = .map("core.ResourceList", .roundedQuantity)

  package static let resourceRequirements = GoStructure(
    "core.ResourceRequirements",
    [
      Field("Limits", Self.resourceList), Field("Requests", Self.resourceList),
      Field("Claims", .list(.structure(Self.resourceClaim)), since: 26),
    ])

  private static let resourceClaim = GoStructure(
    "core.ResourceClaim", [Field("Name", .string), Field("Request", .string, since: 31)])

  private static let resizePolicy = GoStructure(
    "core.ContainerResizePolicy",
    [
      Field("ResourceName", .text("core.ResourceName")),
      Field("RestartPolicy", .text("core.ResourceResizeRestartPolicy")),
    ])

  private static let restartRule = GoStructure(
    "core.ContainerRestartRule",
    [
      Field("Action", .text("core.ContainerRestartRuleAction")),
      Field("ExitCodes", .pointer(.structure(Self.restartRuleExitCodes))),
    ])

  private static let restartRuleExitCodes = GoStructure(
    "core.ContainerRestartRuleOnExitCodes",
    [
      Field("Operator", .text("core.ContainerRestartRuleOnExitCodesOperator")),
      Field("Values", .list(.int32)),
    ])

  private static let volumeMount = GoStructure(
    "core.VolumeMount",
    [
      Field("Name", .string), Field("ReadOnly", .boolean),
      Field("RecursiveReadOnly", .pointer(.text("core.RecursiveReadOnlyMode")), since: 30),
      Field("MountPath", .string), Field("SubPath", .string),
      Field("MountPropagation", .pointer(.text("core.MountPropagationMode"))),
      Field("SubPathExpr", .string),
    ])

  private static let volumeDevice = GoStructure(
    "core.VolumeDevice", [Field("Name", .string), Field("DevicePath", .string)])

  // MARK: Probes and hooks

  private static let probe = GoStructure(
    "core.Probe",
    [
      .embedded(Self.oldHandler, until: 22),
      .embedded(
        GoStructure(
          "core.ProbeHandler",
          Self.handlers + [Field("GRPC", .pointer(.structure(Self.grpcAction)))]),
        since: 23),
      Field("InitialDelaySeconds", .int32), Field("TimeoutSeconds", .int32),
      Field("PeriodSeconds", .int32), Field("SuccessThreshold", .int32),
      Field("FailureThreshold", .int32),
      Field("TerminationGracePeriodSeconds", .pointer(.int64), since: 21),
    ])

  private static let lifecycle = GoStructure(
    "core.Lifecycle",
    [
      Field("PostStart", .pointer(.structure(Self.oldHandler)), until: 22),
      Field("PreStop", .pointer(.structure(Self.oldHandler)), until: 22),
      Field("PostStart", .pointer(.structure(Self.lifecycleHandler)), since: 23),
      Field("PreStop", .pointer(.structure(Self.lifecycleHandler)), since: 23),
      Field("StopSignal", .pointer(.text("core.Signal")), since: 33),
    ])

  /// The handlers that probes and hooks share.
  private static let oldHandler = GoStructure("core.Handler", Self.handlers)

  private static let lifecycleHandler = GoStructure(
    "core.LifecycleHandler",
    Self.handlers + [
      Field(
        "Sleep", .pointer(.structure(GoStructure("core.SleepAction", [Field("Seconds", .int64)]))),
        since: 29)
    ])

  private static let handlers: [Field] = [
    Field(
      "Exec", .pointer(.structure(GoStructure("core.ExecAction", [Field("Command", .strings)])))),
    Field("HTTPGet", .pointer(.structure(Self.httpGetAction))),
    Field(
      "TCPSocket",
      .pointer(
        .structure(
          GoStructure(
            "core.TCPSocketAction", [Field("Port", .intOrString), Field("Host", .string)])))),
  ]

  private static let httpGetAction = GoStructure(
    "core.HTTPGetAction",
    [
      Field("Path", .string), Field("Port", .intOrString), Field("Host", .string),
      Field("Scheme", .text("core.URIScheme")),
      Field("HTTPHeaders", .list(.structure(Self.nameAndValue("core.HTTPHeader")))),
    ])

  private static let grpcAction = GoStructure(
    "core.GRPCAction", [Field("Port", .int32), Field("Service", .pointer(.string))])

  private static func nameAndValue(_ name: String) -> GoStructure {
    GoStructure(name, [Field("Name", .string), Field("Value", .string)])
  }

  // MARK: Security

  private static let podSecurityContext = GoStructure(
    "core.PodSecurityContext",
    [
      Field("HostNetwork", .boolean), Field("HostPID", .boolean), Field("HostIPC", .boolean),
      Field("ShareProcessNamespace", .pointer(.boolean)),
      Field("HostUsers", .pointer(.boolean), since: 25),
      Field("SELinuxOptions", .pointer(.structure(Self.seLinuxOptions))),
      Field("WindowsOptions", .pointer(.structure(Self.windowsOptions))),
      Field("RunAsUser", .pointer(.int64)), Field("RunAsGroup", .pointer(.int64)),
      Field("RunAsNonRoot", .pointer(.boolean)), Field("SupplementalGroups", .list(.int64)),
      Field(
        "SupplementalGroupsPolicy", .pointer(.text("core.SupplementalGroupsPolicy")), since: 31),
      Field("FSGroup", .pointer(.int64)),
      Field("FSGroupChangePolicy", .pointer(.text("core.PodFSGroupChangePolicy")), since: 18),
      Field("Sysctls", .list(.structure(Self.nameAndValue("core.Sysctl")))),
      Field("SeccompProfile", Self.profile("core.SeccompProfile"), since: 19),
      Field("AppArmorProfile", Self.profile("core.AppArmorProfile"), since: 30),
      Field("SELinuxChangePolicy", .pointer(.text("core.PodSELinuxChangePolicy")), since: 32),
    ])

  private static let securityContext = GoStructure(
    "core.SecurityContext",
    [
      Field("Capabilities", .pointer(.structure(Self.capabilities))),
      Field("Privileged", .pointer(.boolean)),
      Field("SELinuxOptions", .pointer(.structure(Self.seLinuxOptions))),
      Field("WindowsOptions", .pointer(.structure(Self.windowsOptions))),
      Field("RunAsUser", .pointer(.int64)), Field("RunAsGroup", .pointer(.int64)),
      Field("RunAsNonRoot", .pointer(.boolean)),
      Field("ReadOnlyRootFilesystem", .pointer(.boolean)),
      Field("AllowPrivilegeEscalation", .pointer(.boolean)),
      Field("ProcMount", .pointer(.text("core.ProcMountType"))),
      Field("SeccompProfile", Self.profile("core.SeccompProfile"), since: 19),
      Field("AppArmorProfile", Self.profile("core.AppArmorProfile"), since: 30),
    ])

  private static func profile(_ name: String) -> GoType {
    .pointer(
      .structure(
        GoStructure(
          name,
          [Field("Type", .text(name + "Type")), Field("LocalhostProfile", .pointer(.string))])))
  }

  private static let capabilities = GoStructure(
    "core.Capabilities",
    [
      Field("Add", .list(.text("core.Capability"))), Field("Drop", .list(.text("core.Capability"))),
    ])

  private static let seLinuxOptions = GoStructure(
    "core.SELinuxOptions",
    [
      Field("User", .string), Field("Role", .string), Field("Type", .string),
      Field("Level", .string),
    ])

  private static let windowsOptions = GoStructure(
    "core.WindowsSecurityContextOptions",
    [
      Field("GMSACredentialSpecName", .pointer(.string)),
      Field("GMSACredentialSpec", .pointer(.string)), Field("RunAsUserName", .pointer(.string)),
      Field("HostProcess", .pointer(.boolean), since: 22),
    ])

  // MARK: Scheduling

  private static let toleration = GoStructure(
    "core.Toleration",
    [
      Field("Key", .string), Field("Operator", .text("core.TolerationOperator")),
      Field("Value", .string), Field("Effect", .text("core.TaintEffect")),
      Field("TolerationSeconds", .pointer(.int64)),
    ])

  private static let affinity = GoStructure(
    "core.Affinity",
    [
      Field("NodeAffinity", .pointer(.structure(Self.nodeAffinity))),
      Field("PodAffinity", .pointer(.structure(Self.podAffinity("core.PodAffinity")))),
      Field("PodAntiAffinity", .pointer(.structure(Self.podAffinity("core.PodAntiAffinity")))),
    ])

  private static let nodeAffinity = GoStructure(
    "core.NodeAffinity",
    [
      Field(
        "RequiredDuringSchedulingIgnoredDuringExecution",
        .pointer(
          .structure(
            GoStructure(
              "core.NodeSelector",
              [Field("NodeSelectorTerms", .list(.structure(Self.nodeSelectorTerm)))])))),
      Field(
        "PreferredDuringSchedulingIgnoredDuringExecution",
        .list(
          .structure(
            GoStructure(
              "core.PreferredSchedulingTerm",
              [
                Field("Weight", .int32), Field("Preference", .structure(Self.nodeSelectorTerm)),
              ])))),
    ])

  private static let nodeSelectorTerm = GoStructure(
    "core.NodeSelectorTerm",
    [
      Field("MatchExpressions", .list(.structure(Self.nodeSelectorRequirement))),
      Field("MatchFields", .list(.structure(Self.nodeSelectorRequirement))),
    ])

  private static let nodeSelectorRequirement = GoStructure(
    "core.NodeSelectorRequirement",
    [
      Field("Key", .string), Field("Operator", .text("core.NodeSelectorOperator")),
      Field("Values", .strings),
    ])

  private static func podAffinity(_ name: String) -> GoStructure {
    GoStructure(
      name,
      [
        Field(
          "RequiredDuringSchedulingIgnoredDuringExecution",
          .list(.structure(Self.podAffinityTerm))),
        Field(
          "PreferredDuringSchedulingIgnoredDuringExecution",
          .list(
            .structure(
              GoStructure(
                "core.WeightedPodAffinityTerm",
                [
                  Field("Weight", .int32),
                  Field("PodAffinityTerm", .structure(Self.podAffinityTerm)),
                ])))),
      ])
  }

  private static let podAffinityTerm = GoStructure(
    "core.PodAffinityTerm",
    [
      Field("LabelSelector", Self.labelSelector), Field("Namespaces", .strings),
      Field("TopologyKey", .string), Field("NamespaceSelector", Self.labelSelector, since: 21),
      Field("MatchLabelKeys", .strings, since: 29),
      Field("MismatchLabelKeys", .strings, since: 29),
    ])

  package static let labelSelector: GoType = .pointer(
    .structure(
      GoStructure(
        "v1.LabelSelector",
        [
          Field("MatchLabels", .stringMap),
          Field("MatchExpressions", .list(.structure(Self.labelSelectorRequirement))),
        ])))

  package static let labelSelectorRequirement = GoStructure(
    "v1.LabelSelectorRequirement",
    [
      Field("Key", .string), Field("Operator", .text("v1.LabelSelectorOperator")),
      Field("Values", .strings),
    ])

  private static let topologySpreadConstraint = GoStructure(
    "core.TopologySpreadConstraint",
    [
      Field("MaxSkew", .int32), Field("TopologyKey", .string),
      Field("WhenUnsatisfiable", .text("core.UnsatisfiableConstraintAction")),
      Field("LabelSelector", Self.labelSelector),
      Field("MinDomains", .pointer(.int32), since: 24),
      Field("NodeAffinityPolicy", .pointer(.text("core.NodeInclusionPolicy")), since: 25),
      Field("NodeTaintsPolicy", .pointer(.text("core.NodeInclusionPolicy")), since: 25),
      Field("MatchLabelKeys", .strings, since: 25),
    ])

  private static let readinessGate = GoStructure(
    "core.PodReadinessGate", [Field("ConditionType", .text("core.PodConditionType"))])

  private static let schedulingGate = GoStructure(
    "core.PodSchedulingGate", [Field("Name", .string)])

  private static let schedulingGroup = GoStructure(
    "core.PodSchedulingGroup", [Field("PodGroupName", .pointer(.string))])

  private static let operatingSystem = GoStructure(
    "core.PodOS", [Field("Name", .text("core.OSName"))])

  private static let podResourceClaim = GoStructure(
    "core.PodResourceClaim",
    [
      Field("Name", .string),
      Field(
        "Source", .structure(GoStructure("core.ClaimSource", Self.claimSourceFields)), until: 30),
    ] + Self.claimSourceFields.map { Field($0.name, $0.type, since: 31) })

  private static let claimSourceFields = [
    Field("ResourceClaimName", .pointer(.string)),
    Field("ResourceClaimTemplateName", .pointer(.string)),
  ]

  private static let hostAlias = GoStructure(
    "core.HostAlias", [Field("IP", .string), Field("Hostnames", .strings)])

  private static let dnsConfig = GoStructure(
    "core.PodDNSConfig",
    [
      Field("Nameservers", .strings), Field("Searches", .strings),
      Field(
        "Options",
        .list(
          .structure(
            GoStructure(
              "core.PodDNSConfigOption",
              [Field("Name", .string), Field("Value", .pointer(.string))])))),
    ])
}
