/// The kubelet's own types of a pod's volumes.
extension PodTypes {
  package static let volume = GoStructure(
    "core.Volume", [Field("Name", .string), .embedded(Self.volumeKinds)])

  /// The kinds of volumes; a volume has exactly one of these fields.
  package static let volumeKinds = GoStructure(
    "core.VolumeSource",
    [
      Self.kind(
        "HostPath", [Field("Path", .string), Field("Type", Self.pointer("HostPathType"))]),
      Self.kind(
        "EmptyDir",
        [Field("Medium", .text("core.StorageMedium")), Field("SizeLimit", .pointer(.quantity))]),
      Self.kind(
        "GCEPersistentDisk",
        [
          Field("PDName", .string), Field("FSType", .string), Field("Partition", .int32),
          Field("ReadOnly", .boolean),
        ]),
      Self.kind(
        "AWSElasticBlockStore",
        [
          Field("VolumeID", .string), Field("FSType", .string), Field("Partition", .int32),
          Field("ReadOnly", .boolean),
        ]),
      Self.kind(
        "GitRepo",
        [Field("Repository", .string), Field("Revision", .string), Field("Directory", .string)]),
      Self.kind(
        "Secret",
        [
          Field("SecretName", .string), Field("Items", Self.keysToPaths),
          Field("DefaultMode", .pointer(.int32)), Field("Optional", .pointer(.boolean)),
        ]),
      Self.kind(
        "NFS", [Field("Server", .string), Field("Path", .string), Field("ReadOnly", .boolean)]),
      Self.kind("ISCSI", Self.iscsiFields),
      Self.kind(
        "Glusterfs",
        [
          Field("EndpointsName", .string, key: "endpoints"), Field("Path", .string),
          Field("ReadOnly", .boolean),
        ]),
      Self.kind(
        "PersistentVolumeClaim", [Field("ClaimName", .string), Field("ReadOnly", .boolean)]),
      Self.kind(
        "RBD",
        [
          Field("CephMonitors", .strings, key: "monitors"),
          Field("RBDImage", .string, key: "image"), Field("FSType", .string),
          Field("RBDPool", .string, key: "pool"), Field("RadosUser", .string, key: "user"),
          Field("Keyring", .string), Self.secretReference, Field("ReadOnly", .boolean),
        ]),
      Self.kind(
        "Quobyte",
        [
          Field("Registry", .string), Field("Volume", .string), Field("ReadOnly", .boolean),
          Field("User", .string), Field("Group", .string), Field("Tenant", .string),
        ]),
      Self.kind(
        "FlexVolume", type: "FlexVolumeSource",
        [
          Field("Driver", .string), Field("FSType", .string), Self.secretReference,
          Field("ReadOnly", .boolean), Field("Options", .stringMap),
        ]),
      Self.kind(
        "Cinder",
        [
          Field("VolumeID", .string), Field("FSType", .string), Field("ReadOnly", .boolean),
          Self.secretReference,
        ]),
      Self.kind(
        "CephFS", key: "cephfs",
        [
          Field("Monitors", .strings), Field("Path", .string), Field("User", .string),
          Field("SecretFile", .string), Self.secretReference, Field("ReadOnly", .boolean),
        ]),
      Self.kind("Flocker", [Field("DatasetName", .string), Field("DatasetUUID", .string)]),
      Self.kind(
        "DownwardAPI",
        [Field("Items", Self.downwardFiles), Field("DefaultMode", .pointer(.int32))]),
      Self.kind(
        "FC",
        [
          Field("TargetWWNs", .strings), Field("Lun", .pointer(.int32)), Field("FSType", .string),
          Field("ReadOnly", .boolean), Field("WWIDs", .strings, key: "wwids"),
        ]),
      Self.kind(
        "AzureFile",
        [Field("SecretName", .string), Field("ShareName", .string), Field("ReadOnly", .boolean)]),
      Self.kind(
        "ConfigMap",
        [
          .embedded(Self.localReference), Field("Items", Self.keysToPaths),
          Field("DefaultMode", .pointer(.int32)), Field("Optional", .pointer(.boolean)),
        ]),
      Self.kind(
        "VsphereVolume", type: "VsphereVirtualDiskVolumeSource",
        [
          Field("VolumePath", .string), Field("FSType", .string),
          Field("StoragePolicyName", .string), Field("StoragePolicyID", .string),
        ]),
      Self.kind(
        "AzureDisk",
        [
          Field("DiskName", .string), Field("DataDiskURI", .string, key: "diskURI"),
          Field("CachingMode", Self.pointer("AzureDataDiskCachingMode")),
          Field("FSType", .pointer(.string)), Field("ReadOnly", .pointer(.boolean)),
          Field("Kind", Self.pointer("AzureDataDiskKind")),
        ]),
      Self.kind("PhotonPersistentDisk", [Field("PdID", .string), Field("FSType", .string)]),
      Self.kind(
        "Projected",
        [
          Field("Sources", .list(.structure(Self.projection))),
          Field("DefaultMode", .pointer(.int32)),
        ]),
      Self.kind(
        "PortworxVolume", type: "PortworxVolumeSource",
        [Field("VolumeID", .string), Field("FSType", .string), Field("ReadOnly", .boolean)]),
      Self.kind(
        "ScaleIO",
        [
          Field("Gateway", .string), Field("System", .string), Self.secretReference,
          Field("SSLEnabled", .boolean), Field("ProtectionDomain", .string),
          Field("StoragePool", .string), Field("StorageMode", .string),
          Field("VolumeName", .string), Field("FSType", .string), Field("ReadOnly", .boolean),
        ]),
      Self.kind(
        "StorageOS", key: "storageos",
        [
          Field("VolumeName", .string), Field("VolumeNamespace", .string),
          Field("FSType", .string), Field("ReadOnly", .boolean), Self.secretReference,
        ]),
      Self.kind(
        "CSI",
        [
          Field("Driver", .string), Field("ReadOnly", .pointer(.boolean)),
          Field("FSType", .pointer(.string)), Field("VolumeAttributes", .stringMap),
          Field("NodePublishSecretRef", .pointer(.structure(Self.localReference))),
        ]),
      Self.kind(
        "Ephemeral",
        [Field("VolumeClaimTemplate", .pointer(.structure(Self.claimTemplate)))], since: 19),
      Self.kind(
        "Image", [Field("Reference", .string), Field("PullPolicy", .text("core.PullPolicy"))],
        since: 31),
    ])

  /// A pointer to a structure whose name usually follows from the field's.
  private static func kind(
    _ name: String, type: String? = nil, key: String? = nil, _ fields: [Field], since: Int = 1
  ) -> Field {
    let structure = GoStructure("core.\(type ?? "\(name)VolumeSource")", fields)
    return Field(name, .pointer(.structure(structure)), key: key, since: since)
  }

  private static func pointer(_ name: String) -> GoType { .pointer(.text("core.\(name)")) }

  private static let secretReference = Field(
    "SecretRef", .pointer(.structure(Self.localReference)))

  private static let iscsiFields = [
    Field("TargetPortal", .string), Field("IQN", .string), Field("Lun", .int32),
    Field("ISCSIInterface", .string), Field("FSType", .string), Field("ReadOnly", .boolean),
    Field("Portals", .strings), Field("DiscoveryCHAPAuth", .boolean, key: "chapAuthDiscovery"),
    Field("SessionCHAPAuth", .boolean, key: "chapAuthSession"), Self.secretReference,
    Field("InitiatorName", .pointer(.string)),
  ]

  // MARK: Projections

  private static let keysToPaths: GoType = .list(
    .structure(
      GoStructure(
        "core.KeyToPath",
        [Field("Key", .string), Field("Path", .string), Field("Mode", .pointer(.int32))])))

  private static let downwardFiles: GoType = .list(
    .structure(
      GoStructure(
        "core.DownwardAPIVolumeFile",
        [
          Field("Path", .string), Field("FieldRef", .pointer(.structure(Self.fieldSelector))),
          Field("ResourceFieldRef", .pointer(.structure(Self.resourceFieldSelector))),
          Field("Mode", .pointer(.int32)),
        ])))

  private static let projection = GoStructure(
    "core.VolumeProjection",
    [
      Self.projection("Secret", [.embedded(Self.localReference)] + Self.projectedItems),
      Self.projection("DownwardAPI", [Field("Items", Self.downwardFiles)]),
      Self.projection("ConfigMap", [.embedded(Self.localReference)] + Self.projectedItems),
      Self.projection(
        "ServiceAccountToken",
        [Field("Audience", .string), Field("ExpirationSeconds", .int64), Field("Path", .string)]),
      Self.projection(
        "ClusterTrustBundle",
        [
          Field("Name", .pointer(.string)), Field("SignerName", .pointer(.string)),
          Field("LabelSelector", Self.labelSelector), Field("Optional", .pointer(.boolean)),
          Field("Path", .string),
        ], since: 29),
      Self.projection(
        "PodCertificate",
        [
          Field("SignerName", .string), Field("KeyType", .string),
          Field("MaxExpirationSeconds", .pointer(.int32)), Field("CredentialBundlePath", .string),
          Field("KeyPath", .string), Field("CertificateChainPath", .string),
          Field("UserAnnotations", .stringMap, since: 35),
        ], since: 34),
    ])

  private static func projection(_ name: String, _ fields: [Field], since: Int = 1) -> Field {
    Field(
      name, .pointer(.structure(GoStructure("core.\(name)Projection", fields))), since: since)
  }

  private static let projectedItems = [
    Field("Items", Self.keysToPaths), Field("Optional", .pointer(.boolean)),
  ]

  private static let claimTemplate = GoStructure(
    "core.PersistentVolumeClaimTemplate",
    [
      Field("ObjectMeta", .structure(Self.objectMeta), key: "metadata"),
      Field("Spec", .structure(Self.claimSpec)),
    ])

  private static let claimSpec = GoStructure(
    "core.PersistentVolumeClaimSpec",
    [
      Field("AccessModes", .list(.text("core.PersistentVolumeAccessMode"))),
      Field("Selector", Self.labelSelector),
      Field("Resources", .structure(Self.resourceRequirements), until: 28),
      Field(
        "Resources",
        .structure(
          GoStructure(
            "core.VolumeResourceRequirements",
            [Field("Limits", Self.resourceList), Field("Requests", Self.resourceList)])),
        since: 29),
      Field("VolumeName", .string), Field("StorageClassName", .pointer(.string)),
      Field("VolumeMode", Self.pointer("PersistentVolumeMode")),
      Field("DataSource", Self.typedReference),
      Field("DataSourceRef", Self.typedReference, since: 22, until: 25),
      Field(
        "DataSourceRef",
        .pointer(
          .structure(
            GoStructure(
              "core.TypedObjectReference",
              [
                Field("APIGroup", .pointer(.string)), Field("Kind", .string),
                Field("Name", .string), Field("Namespace", .pointer(.string)),
              ]))),
        since: 26),
      Field("VolumeAttributesClassName", .pointer(.string), since: 29),
    ])

  private static let typedReference: GoType = .pointer(
    .structure(
      GoStructure(
        "core.TypedLocalObjectReference",
        [
          Field("APIGroup", .pointer(.string)), Field("Kind", .string), Field("Name", .string),
        ])))
}
