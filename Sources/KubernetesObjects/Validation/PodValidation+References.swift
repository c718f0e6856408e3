/// What static pods may not use, since they are the kubelet's own: objects of an API server.
///
/// Source: `pkg/kubelet/config/common.go`, `pkg/api/pod/util.go` HasAPIObjectReference.
extension PodValidation {
  mutating func checkReferences(ofStatic spec: ObjectField) {
    if self.rules.refusesStaticClaims, !spec["resourceClaims"].isEmpty {
      self.add(FieldProblem(field: nil, "static pods may not use ResourceClaims"))
    }
    guard self.rules.refusesStaticReferences, let kind = Self.reference(in: spec) else { return }
    self.add(FieldProblem(field: nil, "static pods may not reference \(kind)"))
  }

  /// The kind of the first object that the pod uses.
  private static func reference(in spec: ObjectField) -> String? {
    if !spec["serviceAccountName"].text.isEmpty { return "serviceaccounts" }
    if !spec["imagePullSecrets"].isEmpty { return "secrets" }
    for container in Self.containers(of: spec) {
      for source in container["envFrom"].elements {
        if source["configMapRef"].isPresent { return "configmaps" }
        if source["secretRef"].isPresent { return "secrets" }
      }
      for source in container["env"].elements.map({ $0["valueFrom"] }) {
        if source["configMapKeyRef"].isPresent { return "configmaps" }
        if source["secretKeyRef"].isPresent { return "secrets" }
      }
    }
    for volume in spec["volumes"].elements {
      if let kind = Self.kinds.first(where: { volume[$0.volume].isPresent })?.object { return kind }
      for source in volume["projected"]["sources"].elements {
        if let kind = Self.projections.first(where: { source[$0.volume].isPresent })?.object {
          return kind
        }
      }
      let secrets = Self.withSecrets.map { volume[$0]["secretRef"] }
      if (secrets + [volume["csi"]["nodePublishSecretRef"]]).contains(where: \.isPresent) {
        return "secrets"
      }
    }
    return nil
  }

  private static let kinds: [(volume: String, object: String)] = [
    ("secret", "secrets"), ("configMap", "configmaps"),
    ("persistentVolumeClaim", "persistentvolumeclaims"), ("ephemeral", "persistentvolumeclaims"),
    ("azureFile", "secrets"), ("glusterfs", "endpoints"),
  ]
  private static let projections: [(volume: String, object: String)] = [
    ("secret", "secrets"), ("configMap", "configmaps"),
    ("serviceAccountToken", "serviceaccounts"), ("clusterTrustBundle", "clustertrustbundles"),
  ]
  private static let withSecrets = [
    "cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos",
  ]
}
