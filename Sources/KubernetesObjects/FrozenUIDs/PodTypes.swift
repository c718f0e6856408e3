/// The kubelet's own types of a pod: names, types and order of the fields, and the releases that have them.
///
/// ``PodUID`` prints a pod by these types, and ``PodSchema`` reads manifests by them.
/// Source: `pkg/apis/core/types.go`, `apimachinery/pkg/apis/meta/v1/types.go`, 1.17 to 1.36; checked
/// against recorded pods of real kubelets (``PodUID/exactReleases``).
package enum PodTypes {
  package static let pod = Self.declarations.structure("core.Pod")
  package static let spec = Self.declarations.structure("core.PodSpec")
  /// The kinds of volumes; a volume has exactly one of these fields.
  package static let volumeKinds = Self.declarations.structure("core.VolumeSource")

  /// The fields that all containers have.
  private static let container = """
    Name, Image string; Command, Args []string; WorkingDir string; Ports []ContainerPort
    EnvFrom []EnvFromSource; Env []EnvVar; Resources ResourceRequirements
    ResizePolicy []ContainerResizePolicy since=27
    RestartPolicy *ContainerRestartPolicy since=28
    RestartPolicyRules []ContainerRestartRule since=34; VolumeMounts []VolumeMount
    VolumeDevices []VolumeDevice; LivenessProbe, ReadinessProbe, StartupProbe *Probe
    Lifecycle *Lifecycle; TerminationMessagePath string
    TerminationMessagePolicy TerminationMessagePolicy; ImagePullPolicy PullPolicy
    SecurityContext *SecurityContext; Stdin, StdinOnce, TTY bool
    """

  private static let declarations = GoDeclarations(
    """
    // Pods and their metadata
    Pod {
      v1.TypeMeta; ObjectMeta v1.ObjectMeta key=metadata; Spec PodSpec; Status PodStatus
    }
    v1.TypeMeta { Kind, APIVersion string }
    v1.ObjectMeta {
      Name, GenerateName, Namespace, SelfLink string; UID types.UID; ResourceVersion string
      Generation int64; CreationTimestamp v1.Time; DeletionTimestamp *v1.Time
      DeletionGracePeriodSeconds *int64; Labels, Annotations map[string]string
      OwnerReferences []v1.OwnerReference; Finalizers []string; ClusterName string until=23
      ZZZ_DeprecatedClusterName string key=clusterName since=24 until=24
      ManagedFields []v1.ManagedFieldsEntry key=-
    }
    v1.OwnerReference {
      APIVersion, Kind, Name string; UID types.UID; Controller, BlockOwnerDeletion *bool
    }
    v1.LabelSelector {
      MatchLabels map[string]string; MatchExpressions []v1.LabelSelectorRequirement
    }
    v1.LabelSelectorRequirement {
      Key string; Operator v1.LabelSelectorOperator; Values []string
    }
    PodSpec {
      Volumes []Volume; InitContainers, Containers []Container
      EphemeralContainers []EphemeralContainer; RestartPolicy RestartPolicy
      TerminationGracePeriodSeconds, ActiveDeadlineSeconds *int64; DNSPolicy DNSPolicy
      NodeSelector map[string]string; ServiceAccountName string
      AutomountServiceAccountToken *bool; NodeName string; SecurityContext *PodSecurityContext
      ImagePullSecrets []LocalObjectReference; Hostname, Subdomain string
      SetHostnameAsFQDN *bool since=19; Affinity *Affinity; SchedulerName string
      Tolerations []Toleration; HostAliases []HostAlias; PriorityClassName string
      Priority *int32; PreemptionPolicy *PreemptionPolicy; DNSConfig *PodDNSConfig
      ReadinessGates []PodReadinessGate; RuntimeClassName *string; Overhead ResourceList
      EnableServiceLinks *bool; TopologySpreadConstraints []TopologySpreadConstraint
      OS *PodOS since=23; SchedulingGates []PodSchedulingGate since=26
      ResourceClaims []PodResourceClaim since=26; Resources *ResourceRequirements since=32
      HostnameOverride *string since=34; SchedulingGroup *PodSchedulingGroup since=36
    }
    PodOS { Name OSName }
    PodSchedulingGate { Name string }
    PodSchedulingGroup { PodGroupName *string }
    PodReadinessGate { ConditionType PodConditionType }
    PodResourceClaim {
      Name string; Source ClaimSource until=30; ResourceClaimName *string since=31
      ResourceClaimTemplateName *string since=31
    }
    ClaimSource { ResourceClaimName, ResourceClaimTemplateName *string }
    HostAlias { IP string; Hostnames []string }
    PodDNSConfig { Nameservers, Searches []string; Options []PodDNSConfigOption }
    PodDNSConfigOption { Name string; Value *string }

    // Status, without times, conditions and containers
    PodStatus {
      ObservedGeneration int64 since=33; Phase PodPhase; Conditions []PodCondition key=-
      Message, Reason, NominatedNodeName, HostIP string; HostIPs []HostIP since=28
      PodIPs []PodIP; StartTime *v1.Time; QOSClass PodQOSClass
      InitContainerStatuses []ContainerStatus key=-; ContainerStatuses []ContainerStatus key=-
      EphemeralContainerStatuses []ContainerStatus key=-; Resize PodResizeStatus since=27
      ResourceClaimStatuses []PodResourceClaimStatus key=- since=28
      ExtendedResourceClaimStatus *PodExtendedResourceClaimStatus key=- since=34
      AllocatedResources ResourceList key=- since=35
      Resources *ResourceRequirements key=- since=35
      NodeAllocatableResourceClaimStatuses []NodeAllocatableResourceClaimStatus key=- since=36
    }
    HostIP { IP string }
    PodIP { IP string }

    // Containers
    Container { \(Self.container) }
    EphemeralContainer { EphemeralContainerCommon; TargetContainerName string }
    EphemeralContainerCommon { \(Self.container) }
    ContainerPort {
      Name string; HostPort, ContainerPort int32; Protocol Protocol; HostIP string
    }
    EnvFromSource {
      Prefix string; ConfigMapRef *ConfigMapEnvSource; SecretRef *SecretEnvSource
    }
    ConfigMapEnvSource { LocalObjectReference; Optional *bool }
    SecretEnvSource { LocalObjectReference; Optional *bool }
    EnvVar { Name, Value string; ValueFrom *EnvVarSource }
    EnvVarSource {
      FieldRef *ObjectFieldSelector; ResourceFieldRef *ResourceFieldSelector
      ConfigMapKeyRef *ConfigMapKeySelector; SecretKeyRef *SecretKeySelector
      FileKeyRef *FileKeySelector since=34
    }
    ObjectFieldSelector { APIVersion, FieldPath string }
    ResourceFieldSelector { ContainerName, Resource string; Divisor resource.Quantity }
    ConfigMapKeySelector { LocalObjectReference; Key string; Optional *bool }
    SecretKeySelector { LocalObjectReference; Key string; Optional *bool }
    FileKeySelector { VolumeName, Path, Key string; Optional *bool }
    LocalObjectReference { Name string }
    ResourceRequirements { Limits, Requests ResourceList; Claims []ResourceClaim since=26 }
    ResourceClaim { Name string; Request string since=31 }
    ContainerResizePolicy {
      ResourceName ResourceName; RestartPolicy ResourceResizeRestartPolicy
    }
    ContainerRestartRule {
      Action ContainerRestartRuleAction; ExitCodes *ContainerRestartRuleOnExitCodes
    }
    ContainerRestartRuleOnExitCodes {
      Operator ContainerRestartRuleOnExitCodesOperator; Values []int32
    }
    VolumeMount {
      Name string; ReadOnly bool; RecursiveReadOnly *RecursiveReadOnlyMode since=30
      MountPath, SubPath string; MountPropagation *MountPropagationMode; SubPathExpr string
    }
    VolumeDevice { Name, DevicePath string }

    // Probes and hooks
    Probe {
      Handler until=22; ProbeHandler since=23; InitialDelaySeconds, TimeoutSeconds int32
      PeriodSeconds, SuccessThreshold, FailureThreshold int32
      TerminationGracePeriodSeconds *int64 since=21
    }
    Handler { Exec *ExecAction; HTTPGet *HTTPGetAction; TCPSocket *TCPSocketAction }
    ProbeHandler {
      Exec *ExecAction; HTTPGet *HTTPGetAction; TCPSocket *TCPSocketAction; GRPC *GRPCAction
    }
    Lifecycle {
      PostStart *Handler until=22; PreStop *Handler until=22
      PostStart *LifecycleHandler since=23; PreStop *LifecycleHandler since=23
      StopSignal *Signal since=33
    }
    LifecycleHandler {
      Exec *ExecAction; HTTPGet *HTTPGetAction; TCPSocket *TCPSocketAction
      Sleep *SleepAction since=29
    }
    ExecAction { Command []string }
    HTTPGetAction {
      Path string; Port intstr.IntOrString; Host string; Scheme URIScheme
      HTTPHeaders []HTTPHeader
    }
    HTTPHeader { Name, Value string }
    TCPSocketAction { Port intstr.IntOrString; Host string }
    GRPCAction { Port int32; Service *string }
    SleepAction { Seconds int64 }

    // Security
    PodSecurityContext {
      HostNetwork, HostPID, HostIPC bool; ShareProcessNamespace *bool; HostUsers *bool since=25
      SELinuxOptions *SELinuxOptions; WindowsOptions *WindowsSecurityContextOptions
      RunAsUser, RunAsGroup *int64; RunAsNonRoot *bool; SupplementalGroups []int64
      SupplementalGroupsPolicy *SupplementalGroupsPolicy since=31; FSGroup *int64
      FSGroupChangePolicy *PodFSGroupChangePolicy since=18; Sysctls []Sysctl
      SeccompProfile *SeccompProfile since=19; AppArmorProfile *AppArmorProfile since=30
      SELinuxChangePolicy *PodSELinuxChangePolicy since=32
    }
    Sysctl { Name, Value string }
    SecurityContext {
      Capabilities *Capabilities; Privileged *bool; SELinuxOptions *SELinuxOptions
      WindowsOptions *WindowsSecurityContextOptions; RunAsUser, RunAsGroup *int64
      RunAsNonRoot, ReadOnlyRootFilesystem, AllowPrivilegeEscalation *bool
      ProcMount *ProcMountType; SeccompProfile *SeccompProfile since=19
      AppArmorProfile *AppArmorProfile since=30
    }
    SeccompProfile { Type SeccompProfileType; LocalhostProfile *string }
    AppArmorProfile { Type AppArmorProfileType; LocalhostProfile *string }
    Capabilities { Add, Drop []Capability }
    SELinuxOptions { User, Role, Type, Level string }
    WindowsSecurityContextOptions {
      GMSACredentialSpecName, GMSACredentialSpec, RunAsUserName *string
      HostProcess *bool since=22
    }

    // Scheduling
    Toleration {
      Key string; Operator TolerationOperator; Value string; Effect TaintEffect
      TolerationSeconds *int64
    }
    Affinity {
      NodeAffinity *NodeAffinity; PodAffinity *PodAffinity; PodAntiAffinity *PodAntiAffinity
    }
    NodeAffinity {
      RequiredDuringSchedulingIgnoredDuringExecution *NodeSelector
      PreferredDuringSchedulingIgnoredDuringExecution []PreferredSchedulingTerm
    }
    NodeSelector { NodeSelectorTerms []NodeSelectorTerm }
    NodeSelectorTerm { MatchExpressions, MatchFields []NodeSelectorRequirement }
    NodeSelectorRequirement { Key string; Operator NodeSelectorOperator; Values []string }
    PreferredSchedulingTerm { Weight int32; Preference NodeSelectorTerm }
    PodAffinity {
      RequiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm
      PreferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm
    }
    PodAntiAffinity {
      RequiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm
      PreferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm
    }
    PodAffinityTerm {
      LabelSelector *v1.LabelSelector; Namespaces []string; TopologyKey string
      NamespaceSelector *v1.LabelSelector since=21; MatchLabelKeys []string since=29
      MismatchLabelKeys []string since=29
    }
    WeightedPodAffinityTerm { Weight int32; PodAffinityTerm PodAffinityTerm }
    TopologySpreadConstraint {
      MaxSkew int32; TopologyKey string; WhenUnsatisfiable UnsatisfiableConstraintAction
      LabelSelector *v1.LabelSelector; MinDomains *int32 since=24
      NodeAffinityPolicy *NodeInclusionPolicy since=25
      NodeTaintsPolicy *NodeInclusionPolicy since=25; MatchLabelKeys []string since=25
    }

    // Volumes
    Volume { Name string; VolumeSource }
    VolumeSource {
      HostPath *HostPathVolumeSource; EmptyDir *EmptyDirVolumeSource
      GCEPersistentDisk *GCEPersistentDiskVolumeSource
      AWSElasticBlockStore *AWSElasticBlockStoreVolumeSource; GitRepo *GitRepoVolumeSource
      Secret *SecretVolumeSource; NFS *NFSVolumeSource; ISCSI *ISCSIVolumeSource
      Glusterfs *GlusterfsVolumeSource; PersistentVolumeClaim *PersistentVolumeClaimVolumeSource
      RBD *RBDVolumeSource; Quobyte *QuobyteVolumeSource; FlexVolume *FlexVolumeSource
      Cinder *CinderVolumeSource; CephFS *CephFSVolumeSource key=cephfs
      Flocker *FlockerVolumeSource; DownwardAPI *DownwardAPIVolumeSource; FC *FCVolumeSource
      AzureFile *AzureFileVolumeSource; ConfigMap *ConfigMapVolumeSource
      VsphereVolume *VsphereVirtualDiskVolumeSource; AzureDisk *AzureDiskVolumeSource
      PhotonPersistentDisk *PhotonPersistentDiskVolumeSource; Projected *ProjectedVolumeSource
      PortworxVolume *PortworxVolumeSource; ScaleIO *ScaleIOVolumeSource
      StorageOS *StorageOSVolumeSource key=storageos; CSI *CSIVolumeSource
      Ephemeral *EphemeralVolumeSource since=19; Image *ImageVolumeSource since=31
    }
    HostPathVolumeSource { Path string; Type *HostPathType }
    EmptyDirVolumeSource { Medium StorageMedium; SizeLimit *resource.Quantity }
    GCEPersistentDiskVolumeSource { PDName, FSType string; Partition int32; ReadOnly bool }
    AWSElasticBlockStoreVolumeSource {
      VolumeID, FSType string; Partition int32; ReadOnly bool
    }
    GitRepoVolumeSource { Repository, Revision, Directory string }
    SecretVolumeSource {
      SecretName string; Items []KeyToPath; DefaultMode *int32; Optional *bool
    }
    KeyToPath { Key, Path string; Mode *int32 }
    NFSVolumeSource { Server, Path string; ReadOnly bool }
    ISCSIVolumeSource {
      TargetPortal, IQN string; Lun int32; ISCSIInterface, FSType string; ReadOnly bool
      Portals []string; DiscoveryCHAPAuth bool key=chapAuthDiscovery
      SessionCHAPAuth bool key=chapAuthSession; SecretRef *LocalObjectReference
      InitiatorName *string
    }
    GlusterfsVolumeSource { EndpointsName string key=endpoints; Path string; ReadOnly bool }
    PersistentVolumeClaimVolumeSource { ClaimName string; ReadOnly bool }
    RBDVolumeSource {
      CephMonitors []string key=monitors; RBDImage string key=image; FSType string
      RBDPool string key=pool; RadosUser string key=user; Keyring string
      SecretRef *LocalObjectReference; ReadOnly bool
    }
    QuobyteVolumeSource {
      Registry, Volume string; ReadOnly bool; User, Group, Tenant string
    }
    FlexVolumeSource {
      Driver, FSType string; SecretRef *LocalObjectReference; ReadOnly bool
      Options map[string]string
    }
    CinderVolumeSource {
      VolumeID, FSType string; ReadOnly bool; SecretRef *LocalObjectReference
    }
    CephFSVolumeSource {
      Monitors []string; Path, User, SecretFile string; SecretRef *LocalObjectReference
      ReadOnly bool
    }
    FlockerVolumeSource { DatasetName, DatasetUUID string }
    DownwardAPIVolumeSource { Items []DownwardAPIVolumeFile; DefaultMode *int32 }
    DownwardAPIVolumeFile {
      Path string; FieldRef *ObjectFieldSelector; ResourceFieldRef *ResourceFieldSelector
      Mode *int32
    }
    FCVolumeSource {
      TargetWWNs []string; Lun *int32; FSType string; ReadOnly bool; WWIDs []string key=wwids
    }
    AzureFileVolumeSource { SecretName, ShareName string; ReadOnly bool }
    ConfigMapVolumeSource {
      LocalObjectReference; Items []KeyToPath; DefaultMode *int32; Optional *bool
    }
    VsphereVirtualDiskVolumeSource {
      VolumePath, FSType, StoragePolicyName, StoragePolicyID string
    }
    AzureDiskVolumeSource {
      DiskName string; DataDiskURI string key=diskURI; CachingMode *AzureDataDiskCachingMode
      FSType *string; ReadOnly *bool; Kind *AzureDataDiskKind
    }
    PhotonPersistentDiskVolumeSource { PdID, FSType string }
    ProjectedVolumeSource { Sources []VolumeProjection; DefaultMode *int32 }
    VolumeProjection {
      Secret *SecretProjection; DownwardAPI *DownwardAPIProjection
      ConfigMap *ConfigMapProjection; ServiceAccountToken *ServiceAccountTokenProjection
      ClusterTrustBundle *ClusterTrustBundleProjection since=29
      PodCertificate *PodCertificateProjection since=34
    }
    SecretProjection { LocalObjectReference; Items []KeyToPath; Optional *bool }
    DownwardAPIProjection { Items []DownwardAPIVolumeFile }
    ConfigMapProjection { LocalObjectReference; Items []KeyToPath; Optional *bool }
    ServiceAccountTokenProjection { Audience string; ExpirationSeconds int64; Path string }
    ClusterTrustBundleProjection {
      Name, SignerName *string; LabelSelector *v1.LabelSelector; Optional *bool; Path string
    }
    PodCertificateProjection {
      SignerName, KeyType string; MaxExpirationSeconds *int32
      CredentialBundlePath, KeyPath, CertificateChainPath string
      UserAnnotations map[string]string since=35
    }
    PortworxVolumeSource { VolumeID, FSType string; ReadOnly bool }
    ScaleIOVolumeSource {
      Gateway, System string; SecretRef *LocalObjectReference; SSLEnabled bool
      ProtectionDomain, StoragePool, StorageMode, VolumeName, FSType string; ReadOnly bool
    }
    StorageOSVolumeSource {
      VolumeName, VolumeNamespace, FSType string; ReadOnly bool; SecretRef *LocalObjectReference
    }
    CSIVolumeSource {
      Driver string; ReadOnly *bool; FSType *string; VolumeAttributes map[string]string
      NodePublishSecretRef *LocalObjectReference
    }
    EphemeralVolumeSource { VolumeClaimTemplate *PersistentVolumeClaimTemplate }
    PersistentVolumeClaimTemplate {
      ObjectMeta v1.ObjectMeta key=metadata; Spec PersistentVolumeClaimSpec
    }
    PersistentVolumeClaimSpec {
      AccessModes []PersistentVolumeAccessMode; Selector *v1.LabelSelector
      Resources ResourceRequirements until=28; Resources VolumeResourceRequirements since=29
      VolumeName string; StorageClassName *string; VolumeMode *PersistentVolumeMode
      DataSource *TypedLocalObjectReference
      DataSourceRef *TypedLocalObjectReference since=22 until=25
      DataSourceRef *TypedObjectReference since=26; VolumeAttributesClassName *string since=29
    }
    VolumeResourceRequirements { Limits, Requests ResourceList }
    TypedLocalObjectReference { APIGroup *string; Kind, Name string }
    TypedObjectReference { APIGroup *string; Kind, Name string; Namespace *string }
    ImageVolumeSource { Reference string; PullPolicy PullPolicy }
    """)
}
