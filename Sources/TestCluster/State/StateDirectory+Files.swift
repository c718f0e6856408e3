import FoundationEssentials
import Glibc

extension StateDirectory {
  /// Locks the directory for this cluster; creates it if necessary.
  /// - Returns: the lock, and the record of an earlier cluster.
  /// - Throws: ``ClusterError`` when a cluster runs in it, or it holds files of something else.
  package func claim() throws(ClusterError) -> (DirectoryHandle, ClusterRecord?) {
    try self.createDirectory(self.path, mode: 0o700)
    let lock = try DirectoryHandle(self.path)
    guard flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw .alreadyRunning(self.path)
    }
    if let record = try self.readRecord() { return (lock, record) }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? []
    guard entries.isEmpty else { throw .foreignDirectory(self.path) }
    return (lock, nil)
  }

  /// Writes the layout, in place of an earlier cluster's.
  package func lay(_ configuration: ClusterConfiguration, store: String) throws(ClusterError) {
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? []
    where entry.hasPrefix("kube-master") || entry.hasPrefix("kube-node")
      || [
        "kvstore", "load-balancer", "kubectl.conf", ControlServer.socketName, LivePage.socketName,
      ].contains(entry)
    {
      try self.attempt("remove", "\(self.path)/\(entry)") {
        try FileManager.default.removeItem(atPath: "\(self.path)/\(entry)")
      }
    }
    for number in 1...configuration.store.members {
      try self.createDirectory(self.memberData(number))
      if configuration.hasOwnClocks { try self.setClock(.member(number), ahead: .zero) }
    }
    for node in configuration.nodes where configuration.room == nil {
      for directory in ["srv/kubernetes", "var/log"] {
        try self.createDirectory("\(self.node(node))/\(directory)")
      }
      if configuration.hasOwnClocks {
        try self.setClock(.component(node: node, .kubelet), ahead: .zero)
      }
      try self.layManifests(node, configuration, store: store)
      for role in Role.allCases {
        try self.write(
          configuration.runsContainers
            ? RecipeManifests.running(
              role.podName, node: self.node(node), stopTime: configuration.podStopTime)
            : RecipeManifests.elected(role, stopTime: configuration.podStopTime),
          to: self.source(role, node))
        // The recipe: without an empty file to mount, a container would get a directory.
        try self.write("", to: "\(self.node(node))/var/log/\(role.podName).log")
      }
    }
  }

  /// Writes the disks of a room's machines.
  package func lay(_ machines: some Sequence<RecipeMachine>) throws(ClusterError) {
    for machine in machines {
      let disk = self.node(machine.name)
      for (path, program) in machine.links {
        let link = URL(filePath: "\(disk)/\(path)")
        try self.createDirectory(link.deletingLastPathComponent().path)
        try self.attempt("create", link.path) {
          try FileManager.default.createSymbolicLink(
            atPath: link.path, withDestinationPath: program)
        }
      }
      for file in machine.files {
        let place = URL(filePath: "\(disk)/\(file.path)")
        try self.createDirectory(place.deletingLastPathComponent().path)
        try self.write(file.text, to: place.path)
        if file.isExecutable { chmod(place.path, 0o755) }
      }
      try self.write(
        RecipeManifests.text(PackageResources.boot_sh), to: self.bootScript(machine.name))
    }
  }

  /// Writes the load balancer's configuration, and kubectl's.
  package func lay(_ loadBalancer: HAProxyConfiguration, port: Int) throws(ClusterError) {
    try self.createDirectory(self.loadBalancer)
    try self.write(loadBalancer.text, to: self.loadBalancerConfiguration)
    try self.write(
      RecipeMachine.kubectlConfiguration("http://127.0.0.1:\(port)"),
      to: self.kubectlConfiguration)
    // A user without root can read kubectl's configuration, and nothing else.
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? [] {
      var isDirectory = false
      let path = "\(self.path)/\(entry)"
      if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory {
        chmod(path, 0o700)
      }
    }
    chmod(self.path, 0o711)
    chmod(self.kubectlConfiguration, 0o644)
  }

  /// Moves the files of a cluster that has ended into a directory of that name.
  package func keep(as name: String, _ configuration: ClusterConfiguration) throws(ClusterError) {
    let place = "\(self.path)/\(name)"
    try? FileManager.default.removeItem(atPath: place)
    try self.createDirectory(place)
    for directory in configuration.nodes.map({ self.node($0) }) + [self.store] {
      let name = directory.split(separator: "/").last ?? ""
      try self.attempt("move", directory) {
        try FileManager.default.moveItem(atPath: directory, toPath: "\(place)/\(name)")
      }
    }
  }

  /// Creates the directory that the node's kubelet watches, with the pod `podmaster`.
  package func layManifests(
    _ node: String, _ configuration: ClusterConfiguration, store: String
  ) throws(ClusterError) {
    try self.createDirectory(self.manifests(node))
    try self.write(
      configuration.runsContainers
        ? RecipeManifests.running("podmaster", node: self.node(node), stopTime: nil)
        : RecipeManifests.podmaster(store: store), to: "\(self.manifests(node))/podmaster.yaml")
  }

  /// The record of the cluster; `nil` when there is none.
  package func readRecord() throws(ClusterError) -> ClusterRecord? {
    guard let data = FileManager.default.contents(atPath: self.record) else { return nil }
    do {
      return try ClusterRecord(decoding: data)
    } catch {
      throw .invalidRecord(path: self.record, reason: "\(error)")
    }
  }

  package func writeRecord(_ record: ClusterRecord) throws(ClusterError) {
    try self.attempt("write", self.record) {
      try record.encoded().write(to: URL(filePath: self.record), options: .atomic)
    }
  }

  package func write(_ text: String, to path: String) throws(ClusterError) {
    try self.attempt("write", path) {
      try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    }
  }

  private func createDirectory(_ path: String, mode: Int = 0o755) throws(ClusterError) {
    try self.attempt("create", path) {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    }
  }

  package func attempt(
    _ verb: String, _ path: String, _ action: () throws -> Void
  ) throws(ClusterError) {
    do {
      try action()
    } catch {
      throw .file(verb, path: path, reason: (error as? CocoaError)?.reason ?? "\(error)")
    }
  }

  /// Sets the wall clock of a node, or of a member of the store.
  package func setClock(
    _ name: ProcessName, ahead difference: Duration
  ) throws(ClusterError) {
    try self.changeClock(name) { clocks in clocks.ahead = difference.components.seconds }
  }

  /// Lets all clocks of a node stand for so long; its processes have to be stopped meanwhile.
  package func stopClocks(_ name: ProcessName, for time: Duration) throws(ClusterError) {
    try self.changeClock(name) { clocks in clocks.stood += time.milliseconds * 1_000_000 }
  }

  /// What the file of a process's clocks says; see `CWallClock`.
  private struct Clocks {
    var ahead: Int64 = 0
    var stood: Int64 = 0
  }

  private func changeClock(
    _ name: ProcessName, _ change: (inout Clocks) -> Void
  ) throws(ClusterError) {
    guard let path = self.clock(name) else { return }
    // In place, since it is mapped into memory.
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(file) }
    var clocks = Clocks()
    let size = MemoryLayout.size(ofValue: clocks)
    _ = pread(file, &clocks, size, 0)
    change(&clocks)
    guard file >= 0, pwrite(file, &clocks, size, 0) == size else {
      throw .file("write", path: path, reason: String(cString: strerror(errno)))
    }
  }
}

extension CocoaError {
  /// The system's message, if the system has one.
  fileprivate var reason: String {
    (self.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
      ?? "\(self)"
  }
}
