/// Where containers see volumes.
extension PodValidation {
  mutating func check(mountsOf container: ObjectField, volumes: [String: ObjectField]) {
    let mounts = container["volumeMounts"]
    let devices = container["volumeDevices"].elements
    var paths: Set<String> = []
    for mount in mounts.elements {
      let (name, path) = (mount["name"], mount["mountPath"])
      if name.text.isEmpty { self.required(name) }
      if volumes[name.text] == nil { self.notFound(name) }
      if path.text.isEmpty { self.required(path) }
      if !paths.insert(path.text).inserted { self.invalid(path, "must be unique") }
      if devices.contains(where: { $0["name"].text == name.text }) {
        self.invalid(name, "must not already exist in volumeDevices")
      }
      if devices.contains(where: { $0["devicePath"].text == path.text }) {
        self.invalid(path, "must not already exist as a path in volumeDevices")
      }
      self.check(
        subPathsOf: mount, in: mounts, isImage: volumes[name.text]?["image"].isPresent == true)
      self.check(propagationOf: mount, in: mounts, container)
    }
  }

  /// The API names the whole list where a path or a mode is wrong.
  private mutating func check(
    subPathsOf mount: ObjectField, in mounts: ObjectField, isImage: Bool
  ) {
    let (path, expression) = (mount["subPath"], mount["subPathExpr"])
    if isImage {
      for field in [path, expression] where !field.text.isEmpty {
        self.invalid(field, "not allowed in image volume sources")
      }
    }
    if !path.text.isEmpty {
      self.check(descendingPath: ObjectField(path.value, at: mounts["subPath"].path))
    }
    guard !expression.text.isEmpty else { return }
    if !path.text.isEmpty {
      self.invalid(expression, "subPathExpr and subPath are mutually exclusive")
    }
    self.check(descendingPath: ObjectField(expression.value, at: mounts["subPathExpr"].path))
  }

  private mutating func check(
    propagationOf mount: ObjectField, in mounts: ObjectField, _ container: ObjectField
  ) {
    let propagation = ObjectField(
      mount["mountPropagation"].value, at: mounts["mountPropagation"].path)
    self.chooseIfPresent(propagation, ["Bidirectional", "HostToContainer", "None"])
    if propagation.text == "Bidirectional", !container["securityContext"]["privileged"].isTrue {
      self.forbidden(
        propagation, "Bidirectional mount propagation is available only to privileged containers")
    }
    let recursive = ObjectField(
      mount["recursiveReadOnly"].value, at: mounts["recursiveReadOnly"].path)
    switch recursive.value {
    case nil, "Disabled": return
    case "Enabled", "IfPossible":
      if !mount["readOnly"].isTrue {
        self.forbidden(recursive, "may only be specified when readOnly is true")
      }
      if propagation.isPresent, propagation.text != "None" {
        self.forbidden(
          recursive, "may only be specified when mountPropagation is None or not specified")
      }
    default: self.unsupported(recursive, ["Disabled", "Enabled", "IfPossible"])
    }
  }

  mutating func check(devicesOf container: ObjectField, volumes: [String: ObjectField]) {
    let mounts = container["volumeMounts"].elements
    var names: Set<String> = []
    var paths: Set<String> = []
    for device in container["volumeDevices"].elements {
      let (name, path) = (device["name"], device["devicePath"])
      if name.text.isEmpty { self.required(name) }
      if names.contains(name.text) { self.invalid(name, "must be unique") }
      if let volume = volumes[name.text] {
        if !volume["persistentVolumeClaim"].isPresent, !volume["ephemeral"].isPresent {
          self.invalid(
            name,
            "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode")
        }
      } else {
        self.notFound(name)
      }
      if path.text.isEmpty { self.required(path) }
      if paths.contains(path.text) { self.invalid(path, "must be unique") }
      if path.text.hasBacksteps {
        self.invalid(path, "can not contain backsteps ('..')")
      } else {
        paths.insert(path.text)
      }
      if mounts.contains(where: { $0["name"].text == name.text }) {
        self.invalid(name, "must not already exist in volumeMounts")
      }
      if mounts.contains(where: { $0["mountPath"].text == path.text }) {
        self.invalid(path, "must not already exist as a path in volumeMounts")
      }
      if !name.text.isEmpty { names.insert(name.text) }
    }
  }
}
