import FoundationEssentials
import Glibc

/// A cluster's files below one directory: the recipe's layout, once for each node.
///
/// ```text
/// cluster.json  control.sock
/// kvstore/      data/  kvstore.log
/// kube-master1/ etc/kubernetes/manifests/podmaster.yaml
///               srv/kubernetes/{kube-scheduler,kube-controller-manager}.yaml
///               var/log/{fake-kubelet,scheduler-elector,controller-manager-elector}.log
/// ```
///
/// In the recipe's room `kube-master1/` is the machine's disk, with its services' logs in `var/log/`. `kube-node1/`,
/// `load-balancer/haproxy.{cfg,log}` and `kubectl.conf` lie beside it.
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

  /// The ``ClusterRecord`` of the running cluster.
  package var record: String { "\(self.path)/cluster.json" }
  /// The store's data and log.
  package var store: String { "\(self.path)/kvstore" }
  package var storeData: String { self.memberData(1) }
  /// The data of a member of the store, counted from 1.
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

  /// The manifest that is there while the node's elector leads.
  package func destination(_ role: Role, _ node: String) -> String {
    "\(self.manifests(node))/\(role.manifestName)"
  }

  /// What is different about a process's own clocks, for `CWallClock`: all processes of a node share them.
  package func clock(_ name: ProcessName) -> String? {
    switch name {
    case .member(let number): "\(self.store)/clock-\(number)"
    case .component(let node, _): "\(self.node(node))/clock"
    case .loadBalancer: nil
    }
  }

  /// The state of the node's containers, where they are not pretended.
  package func containers(_ node: String) -> String { "\(self.node(node))/var/lib/fake-kubelet" }

  /// The socket on which an elector takes orders; `nil` for other processes, and where its path is too long for a
  /// socket's address (108 bytes).
  package func controlSocket(_ name: ProcessName) -> String? {
    guard case .component(let node, let component) = name, Component.electors.contains(component)
    else { return nil }
    let path = "\(self.node(node))/\(component.rawValue).sock"
    return path.utf8.count < 108 ? path : nil
  }

  /// The boot script of a machine of the recipe's room.
  package func bootScript(_ node: String) -> String { "\(self.node(node))/boot.sh" }
  /// HAProxy's configuration file.
  package var loadBalancerConfiguration: String { "\(self.loadBalancer)/haproxy.cfg" }
  package var loadBalancer: String { "\(self.path)/load-balancer" }
  /// kubectl's configuration on the box, with the load balancer's address.
  package var kubectlConfiguration: String { "\(self.path)/kubectl.conf" }

  /// The log of a process.
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
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    self.count > suffix.count && self.hasSuffix(suffix)
      ? String(self.dropLast(suffix.count)) : self
  }
}

/// An open directory: a lock, and a short path to a socket in it.
///
/// The kernel releases the lock when the process ends.
package final class DirectoryHandle: Sendable {
  package let descriptor: Int32

  package init(_ path: String) throws(ClusterError) {
    self.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard self.descriptor >= 0 else {
      throw .file("open", path: path, reason: String(cString: strerror(errno)))
    }
  }

  deinit {
    // A process that was just forked holds the descriptor, and with it the lock, until it becomes another program.
    flock(self.descriptor, LOCK_UN)
    close(self.descriptor)
  }

  /// A path of an entry that fits into a socket's address (108 bytes), however long the directory's own path is.
  package func shortPath(_ entry: String) -> String {
    "/proc/self/fd/\(self.descriptor)/\(entry)"
  }
}
