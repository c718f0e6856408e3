/// Volumes by their kinds.
extension PodValidation {
  /// - Returns: the volumes without problems, by name: only these can be mounted.
  mutating func check(volumes: ObjectField, podName: String) -> [String: ObjectField] {
    let claims = Set(
      volumes.elements.filter { $0["ephemeral"].isPresent && !podName.isEmpty }
        .map { "\(podName)-\($0["name"].text)" })
    var known: [String: ObjectField] = [:]
    for volume in volumes.elements {
      let name = volume["name"]
      let before = self.problems.count
      self.check(sourceOf: volume, podName: podName)
      self.require(name, .label)
      if known[name.text] != nil { self.duplicate(name) }
      if self.problems.count == before { known[name.text] = volume }
      let claim = volume["persistentVolumeClaim"]["claimName"]
      if claim.isPresent, claims.contains(claim.text) {
        self.invalid(
          claim, "must not reference a PVC that gets created for an ephemeral volume")
      }
    }
    return known
  }

  /// The kinds of volumes in the order in which the API looks for them.
  private static let kinds = [
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret",
    "nfs", "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs",
    "quobyte", "downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume",
    "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO",
    "csi", "ephemeral", "image",
  ]
  /// Names that the API gives to kinds in errors.
  private static let shown = ["cephfs": "cephFS", "downwardAPI": "downwarAPI"]

  /// Exactly one kind; of several, the first counts.
  private mutating func check(sourceOf volume: ObjectField, podName: String) {
    let kinds = Self.kinds.filter { volume[$0].isPresent }
    guard let kind = kinds.first else {
      return self.required(volume, "must specify a volume type")
    }
    self.check(source: volume[kind], kind: kind, volume: volume, podName: podName)
    for other in kinds.dropFirst() {
      self.forbidden(
        volume[Self.shown[other] ?? other], "may not specify more than 1 volume type")
    }
  }

  /// What a kind needs and no more: fields that must be there.
  private static let needed: [String: [String]] = [
    "awsElasticBlockStore": ["volumeID"], "gcePersistentDisk": ["pdName"],
    "glusterfs": ["endpoints", "path"], "persistentVolumeClaim": ["claimName"],
    "rbd": ["monitors", "image"], "cinder": ["volumeID"], "cephfs": ["monitors"],
    "azureFile": ["secretName", "shareName"], "vsphereVolume": ["volumePath"],
    "photonPersistentDisk": ["pdID"], "portworxVolume": ["volumeID"],
    "scaleIO": ["gateway", "system", "volumeName"], "azureDisk": ["diskName", "diskURI"],
    "gitRepo": ["repository"], "nfs": ["server", "path"], "flexVolume": ["driver"],
    "secret": ["secretName"], "configMap": ["name"],
  ]

  private mutating func check(
    source: ObjectField, kind: String, volume: ObjectField, podName: String
  ) {
    var source = source
    if kind == "gcePersistentDisk" {
      source = ObjectField(source.value, at: volume["persistentDisk"].path)
    }
    self.require(Self.needed[kind] ?? [], of: source)
    switch kind {
    case "emptyDir":
      if let limit = ResourceQuantity(source["sizeLimit"]), limit.sign < 0 {
        self.forbidden(
          source["sizeLimit"], "SizeLimit field must be a valid resource quantity")
      }
    case "hostPath": self.check(hostPath: source)
    case "gitRepo": self.check(descendingPath: source["directory"])
    case "gcePersistentDisk", "awsElasticBlockStore":
      if !(0...255).contains(source["partition"].number) {
        self.invalid(source["partition"], "must be between 1 and 255, inclusive")
      }
    case "secret", "configMap": self.check(files: source)
    case "nfs":
      if !source["path"].text.hasPrefix("/") {
        self.invalid(source["path"], "must be an absolute path")
      }
    case "iscsi": self.check(iscsi: source, volume: volume)
    case "flocker": self.check(flocker: source)
    case "cinder": self.check(secretOf: source)
    case "quobyte": self.check(quobyte: source)
    case "downwardAPI": self.check(downward: source)
    case "fc": self.check(fibreChannel: source)
    case "flexVolume": self.check(optionsOf: source)
    case "azureDisk": self.check(azureDisk: source)
    case "storageos":
      self.require(source["volumeName"], .label)
      self.checkIfGiven(source["volumeNamespace"], .label)
      self.check(secretOf: source)
    case "projected": self.check(projected: source)
    case "csi": self.check(csi: source)
    case "ephemeral": self.check(ephemeral: source, volume: volume, podName: podName)
    case "image": self.check(image: source)
    default: break
    }
  }

  private mutating func check(hostPath: ObjectField) {
    guard !hostPath["path"].text.isEmpty else { return self.required(hostPath["path"]) }
    self.check(pathWithoutBacksteps: hostPath["path"])
    self.chooseIfPresent(
      hostPath["type"],
      [
        "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
        "Socket",
      ])
  }

  private mutating func check(image: ObjectField) {
    self.require(["reference"], of: image)
    self.choose(image["pullPolicy"], Self.pullPolicies)
  }

  private mutating func check(secretOf source: ObjectField) {
    if let secret = source["secretRef"].ifPresent { self.require(["name"], of: secret) }
  }

  // MARK: Disks on a network

  private mutating func check(iscsi: ObjectField, volume: ObjectField) {
    self.require(["targetPortal", "iqn"], of: iscsi)
    if !iscsi["iqn"].text.isEmpty { self.check(initiator: iscsi["iqn"]) }
    self.check(iscsi["lun"], in: 0...255)
    if iscsi["chapAuthDiscovery"].isTrue || iscsi["chapAuthSession"].isTrue,
      !iscsi["secretRef"].isPresent
    {
      self.required(iscsi["secretRef"])
    }
    guard let name = iscsi["initiatorName"].ifPresent else { return }
    self.check(initiator: ObjectField(name.value, at: iscsi["initiatorname"].path))
    let address = "\(volume["name"].text):\(iscsi["targetPortal"].text)"
    if address.utf8.count > 64 {
      self.invalid(
        volume["iscsi"]["name"],
        "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
          + "iscsi.initiatorName is specified.", value: volume["name"].value)
    }
  }

  private mutating func check(initiator name: ObjectField) {
    let text = name.text
    let isWell: Bool? =
      if text.hasPrefix("iqn") {
        text.firstMatch(of: #/iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.\-]+)(:[^,;*&$|\s]+)$/#) != nil
      } else if text.hasPrefix("eui") {
        text.wholeMatch(of: #/eui.[a-zA-Z0-9]{16}/#) != nil
      } else if text.hasPrefix("naa") {
        text.wholeMatch(of: #/naa.[a-zA-Z0-9]{32}/#) != nil
      } else {
        nil
      }
    if isWell == nil {
      self.invalid(name, "must be valid format starting with iqn, eui, or naa")
    } else if isWell == false {
      self.invalid(name, "must be valid format")
    }
  }

  private mutating func check(fibreChannel source: ObjectField) {
    let (names, ids, lun) = (source["targetWWNs"], source["wwids"], source["lun"])
    if names.isEmpty, ids.isEmpty {
      self.required(names, "must specify either targetWWNs or wwids, but not both")
    }
    guard !names.isEmpty else { return }
    if !ids.isEmpty {
      self.invalid(names, "targetWWNs and wwids can not be specified simultaneously")
    }
    if lun.isPresent {
      self.check(lun, in: 0...255)
    } else {
      self.required(lun, "lun is required if targetWWNs is specified")
    }
  }

  private mutating func check(flocker: ObjectField) {
    let (name, id) = (flocker["datasetName"], flocker["datasetUUID"])
    if name.text.isEmpty, id.text.isEmpty {
      self.required(flocker, "one of datasetName and datasetUUID is required")
    } else if !name.text.isEmpty, !id.text.isEmpty {
      self.invalid(
        flocker, "datasetName and datasetUUID can not be specified simultaneously",
        value: "resource")
    }
    if name.text.contains("/") { self.invalid(name, "must not contain '/'") }
  }

  private mutating func check(quobyte: ObjectField) {
    let registry = quobyte["registry"]
    let words = "must be a host:port pair or multiple pairs separated by commas"
    if registry.text.isEmpty {
      self.required(registry, words)
    } else if quobyte["tenant"].text.utf8.count >= 65 {
      self.required(
        quobyte["tenant"], "must be a UUID and may not exceed a length of 64 characters")
    } else if registry.text.split(separator: ",", omittingEmptySubsequences: false)
      .contains(where: { $0.wholeMatch(of: #/[^:\[\]]*:[^:\[\]]*|\[[^\[\]]*\]:[^:\[\]]*/#) == nil })
    {
      self.invalid(registry, words)
    }
    self.require(["volume"], of: quobyte)
  }

  private mutating func check(optionsOf source: ObjectField) {
    for (key, option) in source["options"].members {
      let prefix = key.split(separator: "/", maxSplits: 1).first ?? ""
      let domain = "." + prefix.lowercased()
      if domain.hasSuffix(".kubernetes.io") || domain.hasSuffix(".k8s.io") {
        self.invalid(
          option, "kubernetes.io and k8s.io namespaces are reserved", value: .string(key))
      }
    }
  }

  private mutating func check(azureDisk: ObjectField) {
    self.chooseIfPresent(azureDisk["cachingMode"], ["None", "ReadOnly", "ReadWrite"])
    self.chooseIfPresent(azureDisk["kind"], ["Dedicated", "Managed", "Shared"])
    let isManaged = azureDisk["kind"].text == "Managed"
    if !azureDisk["diskURI"].text.hasPrefix(isManaged ? "/subscriptions/" : "https://") {
      self.unsupported(
        azureDisk["diskURI"],
        [
          isManaged
            ? "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/"
              + "disks/{disk-id}"
            : "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
        ])
    }
  }

  private mutating func check(csi: ObjectField) {
    let driver = csi["driver"]
    if driver.text.isEmpty { self.required(driver) }
    if driver.text.utf8.count > 63 { self.tooLong(driver, 63) }
    for problem in NameRule.subdomain.problems(driver.text.lowercased()) {
      self.invalid(driver, problem)
    }
    guard let secret = csi["nodePublishSecretRef"].ifPresent else { return }
    if secret["name"].text.isEmpty {
      self.required(secret["name"])
    } else {
      // The API leaves out the reference's own name.
      self.check(ObjectField(secret["name"].value, at: csi["name"].path), .subdomain)
    }
  }
}
