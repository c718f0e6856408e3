import FoundationEssentials
import Glibc

/// Where everything of a cluster lies: the recipe's layout, once per master, below one directory.
///
/// ```text
/// cluster.json  control.sock
/// kvstore/      data/  kvstore.log
/// kube-master1/ etc/kubernetes/manifests/podmaster.yaml
///               srv/kubernetes/{kube-scheduler,kube-controller-manager}.yaml
///               var/log/{fake-kubelet,scheduler-elector,controller-manager-elector}.log
/// ```
///
/// In the recipe's room `kube-master1/` is the machine's disk, with its services' logs in `var/log/`, and there are
/// `kube-node1/`, `load-balancer/haproxy.{cfg,log}` and `kubectl.conf` besides.
package struct StateDirectory: Equatable, Sendable {
  /// An absolute path without a slash at the end.
  package let path: String

  /// - Parameter path: relative to the current directory, or absolute.
  package init(_ path: String) {
    let isAbsolute = path.hasPrefix("/")
    let full = isAbsolute ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    self.path = URL(filePath: full).standardizedFileURL.path(percentEncoded: false)
      .trimmingSuffix("/")
  }

  /// What is written down of the running cluster.
  package var record: String { "\(self.path)/cluster.json" }
  /// The store's directory; it holds the data and the log.
  package var store: String { "\(self.path)/kvstore" }
  package var storeData: String { self.memberData(1) }
  /// The data of one of the store's members, counted from 1.
  package func memberData(_ number: Int) -> String {
    "\(self.store)/data\(number == 1 ? "" : "-\(number)")"
  }

  package func node(_ name: String) -> String { "\(self.path)/\(name)" }

  /// The directory that the node's kubelet watches.
  package func manifests(_ node: String) -> String {
    "\(self.node(node))/etc/kubernetes/manifests"
  }

  /// The file that the elector copies while it leads.
  package func source(_ role: Role, _ node: String) -> String {
    "\(self.node(node))/srv/kubernetes/\(role.manifestName)"
  }

  /// The file that is there while the node's elector leads.
  package func destination(_ role: Role, _ node: String) -> String {
    "\(self.manifests(node))/\(role.manifestName)"
  }

  /// What the node's wall clock differs by from the machine's, if it has one of its own: seconds, as
  /// `CWallClock` reads them.
  package func clock(_ node: String) -> String { "\(self.node(node))/clock" }

  /// Sets the node's wall clock.
  package func setClock(_ node: String, ahead difference: Duration) throws(ClusterError) {
    let path = self.clock(node)
    // In place, since it is mapped into memory.
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(file) }
    var seconds = difference.components.seconds
    guard file >= 0, pwrite(file, &seconds, MemoryLayout.size(ofValue: seconds), 0) > 0 else {
      throw .file("write", path: path, reason: String(cString: strerror(errno)))
    }
  }

  /// What a machine of the recipe's room does when it is switched on.
  package func bootScript(_ node: String) -> String { "\(self.node(node))/boot.sh" }
  /// What HAProxy is told.
  package var loadBalancerConfiguration: String { "\(self.loadBalancer)/haproxy.cfg" }
  private var loadBalancer: String { "\(self.path)/load-balancer" }
  /// For a kubectl on the box: the load balancer's address.
  package var kubectlConfiguration: String { "\(self.path)/kubectl.conf" }

  /// What a process prints.
  package func log(_ name: ProcessName) -> String {
    switch name {
    case .member(1): "\(self.store)/kvstore.log"
    case .member(let number): "\(self.store)/kvstore-\(number).log"
    case .loadBalancer: "\(self.loadBalancer)/haproxy.log"
    case .component(let node, .machine): "\(self.node(node))/console.log"
    case .component(let node, let component):
      "\(self.node(node))/var/log/\(component.rawValue).log"
    }
  }

  // MARK: - Files

  /// Makes sure that the directory is this cluster's own, and takes it.
  ///
  /// - Returns: the lock, and what an earlier cluster left written here.
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

  /// Writes the layout anew; what an earlier cluster left in it goes.
  package func lay(_ configuration: ClusterConfiguration, store: String) throws(ClusterError) {
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? []
    where entry.hasPrefix("kube-master") || entry.hasPrefix("kube-node")
      || ["kvstore", "load-balancer", "kubectl.conf", ControlServer.socketName].contains(entry)
    {
      try self.attempt("remove", "\(self.path)/\(entry)") {
        try FileManager.default.removeItem(atPath: "\(self.path)/\(entry)")
      }
    }
    for number in 1...configuration.store.members {
      try self.createDirectory(self.memberData(number))
    }
    for node in configuration.nodes where configuration.room == nil {
      for directory in ["srv/kubernetes", "var/log"] {
        try self.createDirectory("\(self.node(node))/\(directory)")
      }
      try self.layManifests(node, store: store)
      if configuration.hasOwnClocks { try self.setClock(node, ahead: .zero) }
      for role in Role.allCases {
        try self.write(
          RecipeManifests.elected(role, stopTime: configuration.podStopTime),
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
      try self.write(machine.bootScript, to: self.bootScript(machine.name))
    }
  }

  /// Writes what the load balancer is told, and where it is.
  package func lay(_ loadBalancer: HAProxyConfiguration, port: Int) throws(ClusterError) {
    try self.createDirectory(self.loadBalancer)
    try self.write(loadBalancer.text, to: self.loadBalancerConfiguration)
    try self.write(
      RecipeMachine.kubectlConfiguration("http://127.0.0.1:\(port)"),
      to: self.kubectlConfiguration)
    // For whoever is not root and has kubectl: this file is all that he can see.
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

  /// Puts what a cluster that has ended left aside, below a directory of that name.
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

  /// Makes the directory that the node's kubelet watches, with what is in it from the beginning.
  package func layManifests(_ node: String, store: String) throws(ClusterError) {
    try self.createDirectory(self.manifests(node))
    try self.write(
      RecipeManifests.podmaster(store: store), to: "\(self.manifests(node))/podmaster.yaml")
  }

  /// What is written of the cluster; `nil` when nothing is.
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
}

extension CocoaError {
  /// The system's words, when the system said them.
  fileprivate var reason: String {
    (self.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
      ?? "\(self)"
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    self.count > suffix.count && self.hasSuffix(suffix)
      ? String(self.dropLast(suffix.count)) : self
  }
}

/// A directory that is held open: as a lock, and as a short way to a socket in it.
///
/// The kernel lets go of the lock with the process, however it ends.
package final class DirectoryHandle: Sendable {
  package let descriptor: Int32

  package init(_ path: String) throws(ClusterError) {
    self.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard self.descriptor >= 0 else {
      throw .file("open", path: path, reason: String(cString: strerror(errno)))
    }
  }

  deinit {
    close(self.descriptor)
  }

  /// A name of an entry that fits into a socket's address (108 bytes) however long the directory's
  /// own name is.
  package func shortPath(_ entry: String) -> String {
    "/proc/self/fd/\(self.descriptor)/\(entry)"
  }
}
