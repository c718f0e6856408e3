/// Volumes whose files the kubelet writes, and volumes that the pod claims for itself.
extension PodValidation {
  private mutating func check(mode: ObjectField) {
    if mode.isPresent, !(0...0o777).contains(mode.number) {
      self.invalid(mode, "must be a number between 0 and 0777 (octal), both inclusive")
    }
  }

  /// The files of a secret or a config map.
  mutating func check(files source: ObjectField) {
    self.check(mode: source["defaultMode"])
    for item in source["items"].elements { self.check(item: item) }
  }

  private mutating func check(item: ObjectField) {
    self.require(["key", "path"], of: item)
    self.check(unreservedPath: item["path"])
    self.check(mode: item["mode"])
  }

  mutating func check(downward source: ObjectField) {
    self.check(mode: source["defaultMode"])
    self.check(downwardFiles: source["items"], at: source.path)
  }

  /// The API names the volume, not the file.
  private mutating func check(downwardFiles files: ObjectField, at path: FieldPath) {
    for file in files.elements.map({ ObjectField($0.value, at: path) }) {
      self.require(["path"], of: file)
      self.check(unreservedPath: file["path"])
      let (field, resource) = (file["fieldRef"], file["resourceFieldRef"])
      if field.isPresent {
        self.check(fieldReference: field, Self.fieldsOfVolumes)
        if resource.isPresent {
          self.invalid(
            file, "fieldRef and resourceFieldRef can not be specified simultaneously",
            value: "resource")
        }
      } else if resource.isPresent {
        self.check(resourceReference: resource, isInVolume: true)
      } else {
        self.required(file, "one of fieldRef and resourceFieldRef is required")
      }
      self.check(mode: file["mode"])
    }
  }

  // MARK: Projected volumes

  mutating func check(projected volume: ObjectField) {
    self.check(mode: volume["defaultMode"])
    var paths: Set<String> = []
    for source in volume["sources"].elements {
      for kind in ["secret", "configMap"] {
        guard let projection = source[kind].ifPresent else { continue }
        self.require(["name"], of: projection)
        for item in projection["items"].elements {
          self.check(item: item)
          self.check(path: item["path"].text, of: volume, others: &paths)
        }
      }
      if let projection = source["downwardAPI"].ifPresent {
        self.check(downwardFiles: projection["items"], at: projection.path)
        for file in projection["items"].elements {
          self.check(path: file["path"].text, of: volume, others: &paths)
        }
      }
      if let token = source["serviceAccountToken"].ifPresent {
        self.check(token: token, of: volume)
      }
      if let bundle = source["clusterTrustBundle"].ifPresent {
        self.check(bundle: bundle)
        self.check(path: bundle["path"].text, of: volume, others: &paths)
      }
      if source.members.count > 1 {
        self.forbidden(source, "may not specify more than 1 volume type per source")
      }
    }
  }

  private mutating func check(
    path: String, of volume: ObjectField, others: inout Set<String>
  ) {
    guard !path.isEmpty, !others.insert(path).inserted else { return }
    self.invalid(volume, "conflicting duplicate paths", value: .string(path))
  }

  private mutating func check(token: ObjectField, of volume: ObjectField) {
    let (seconds, path) = (token["expirationSeconds"], token["path"])
    if seconds.number < 600 {
      self.invalid(seconds, "may not specify a duration less than 10 minutes")
    }
    if seconds.number > 1 << 32 {
      self.invalid(seconds, "may not specify a duration larger than 2^32 seconds")
    }
    // The API names the volume's path, not the token's.
    let shown = ObjectField(path.value, at: volume["path"].path)
    if path.text.isEmpty {
      self.required(shown)
    } else if self.rules.checksTokenPath {
      self.check(unreservedPath: shown)
    }
  }

  private mutating func check(bundle: ObjectField) {
    let (name, signer) = (bundle["name"], bundle["signerName"])
    switch (name.isPresent, signer.isPresent) {
    case (true, true): self.invalid(bundle, "only one of name and signerName may be used")
    case (true, false):
      if name.text.isEmpty { self.required(name, "must be a valid object name") }
      let last = name.text.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
      for problem in NameRule.subdomain.problems(String(last)) {
        self.invalid(name, "not a valid clustertrustbundlename: \(problem)")
      }
      if bundle["labelSelector"].isPresent {
        self.invalid(
          bundle["labelSelector"], "labelSelector must be unset if name is specified")
      }
    case (false, true):
      if signer.text.isEmpty { self.required(signer, "must be a valid signer name") }
      if signer.text.split(separator: "/").count != 2 {
        self.invalid(
          signer, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
      }
      self.check(selector: bundle["labelSelector"])
    case (false, false): self.required(bundle, "either name or signerName must be specified")
    }
    self.require(["path"], of: bundle)
    self.check(unreservedPath: bundle["path"])
  }

  /// A pod without a service account has no tokens.
  mutating func check(tokensOf spec: ObjectField) {
    guard spec["serviceAccountName"].text.isEmpty else { return }
    for volume in spec["volumes"].elements {
      for source in volume["projected"]["sources"].elements
      where source["serviceAccountToken"].isPresent {
        self.forbidden(
          source["serviceAccountToken"],
          "must not be specified when serviceAccountName is not set")
      }
    }
  }

  // MARK: Claims of the pod's own

  mutating func check(ephemeral source: ObjectField, volume: ObjectField, podName: String) {
    let template = source["volumeClaimTemplate"]
    if template.isPresent {
      self.check(claimTemplate: template)
    } else {
      self.required(template)
    }
    let name = volume["name"].text
    guard !podName.isEmpty, !name.isEmpty else { return }
    for problem in NameRule.subdomain.problems("\(podName)-\(name)") {
      self.invalid(
        source["name"], "PVC name \"\(podName)-\(name)\": \(problem)", value: .string(name))
    }
  }

  private mutating func check(claimTemplate: ObjectField) {
    let metadata = claimTemplate["metadata"]
    self.check(annotations: metadata["annotations"])
    self.check(labels: metadata["labels"])
    for name in (metadata.value?.members ?? [:]).keys.sorted()
    where name != "annotations" && name != "labels" {
      self.forbidden(metadata[name], "cannot be set")
    }
    let claim = claimTemplate["spec"]
    let modes = claim["accessModes"]
    if modes.isEmpty { self.required(modes, "at least 1 access mode is required") }
    self.check(selector: claim["selector"])
    for mode in modes.elements.map({ ObjectField($0.value, at: modes.path) }) {
      self.choose(mode, ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"])
    }
    if modes.elements.count > 1, modes.elements.contains(where: { $0.text == "ReadWriteOncePod" }) {
      self.forbidden(modes, "may not use ReadWriteOncePod with other access modes")
    }
    let storage = ObjectField(
      claim["resources"]["requests"]["storage"].value, at: .key(claim["resources"].path, "storage"))
    if let quantity = ResourceQuantity(storage) {
      if quantity.sign <= 0 {
        self.invalid(storage, "must be greater than zero", value: .string("\(quantity)"))
      }
    } else {
      self.required(storage)
    }
    for name in ["storageClassName", "volumeAttributesClassName"] {
      self.checkIfGiven(claim[name], .subdomain)
    }
    self.chooseIfPresent(claim["volumeMode"], ["Block", "Filesystem"])
    for name in ["dataSource", "dataSourceRef"] {
      guard let source = claim[name].ifPresent else { continue }
      self.require(["name", "kind"], of: source)
      if source["apiGroup"].text.isEmpty, source["kind"].text != "PersistentVolumeClaim" {
        self.invalid(
          source, "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
          value: source["kind"].value)
      }
    }
  }
}
