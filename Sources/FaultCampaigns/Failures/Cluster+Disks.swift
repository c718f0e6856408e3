import FoundationEssentials
import Glibc
import Subprocess
import TestCluster

/// Disks of manifests that take no writes: mounts over a kubelet's directory.
extension Cluster {
  /// Mounts an empty file system over the node's manifest directory.
  ///
  /// It must not hide a manifest, which would be back at the end; so the node first gives away what it
  /// leads.
  func mount(on node: String, options: String, within limit: Duration) async throws {
    for role in Role.allCases where await self.status().leader(of: role) == node {
      self.processes[.component(node: node, role.elector)]?.identity?.signalAlone(SIGTERM)
      try await self.waitForLeader(of: role, otherThan: node, within: limit)
    }
    try await self.run(
      "mount", ["-t", "tmpfs", "-o", options, "tmpfs", self.directory.manifests(node)])
  }

  private func run(_ program: String, _ arguments: [String]) async throws {
    let problem: String?
    do {
      let result = try await Subprocess.run(
        .name(program), arguments: Arguments(arguments), output: .discarded,
        error: .string(limit: 1 << 16))
      problem = result.terminationStatus == .exited(0) ? nil : result.standardError.trimmed
    } catch let error as SubprocessError {
      problem = "\(error)"
    }
    if let problem {
      throw FaultUnavailable(reason: "\(program) failed (it needs root): \(problem)")
    }
  }

  /// Mounts a file system of its own, which can be frozen, over the node's manifest directory.
  func mountDisk(on node: String) async throws {
    let (image, place) = ("\(self.directory.node(node))/disk.img", self.directory.manifests(node))
    await self.endAll(on: node)
    do {
      try Data(count: 8 << 20).write(to: URL(filePath: image))
      try await self.run("mkfs.ext4", ["-q", "-F", image])
      try await self.run("mount", ["-o", "loop", image, place])
      try self.directory.layManifests(node, self.configuration, store: self.plan.storeText)
    } catch {
      try await self.launchAll(on: node)
      throw error
    }
    try await self.launchAll(on: node)
  }

  /// Lets the disk of the leader's manifests fail, and tells the leader to stop once it has said so.
  func spoilDisk(_ fault: Fault.DiskFault, _ scene: FaultScene) async throws {
    let place = self.directory.manifests(scene.leader)
    let log = self.directory.log(scene.guardian)
    let earlier = LogFile.length(log)
    switch fault {
    case .readOnly:
      // A mount on top: what is open for writing below it would forbid a change of the mount itself.
      guard Glibc.mount(place, place, nil, UInt(MS_BIND), nil) == 0,
        Glibc.mount(nil, place, nil, UInt(MS_BIND | MS_REMOUNT | MS_RDONLY), nil) == 0
      else { throw FaultUnavailable(reason: "cannot mount \(place) read-only: it needs root") }
    case .hanging: try self.freeze(place, true)
    }
    try await Self.wait(for: "the leader to tell that its disk fails", within: .seconds(30)) {
      LogFile.text(log, beyond: earlier).contains("the disk takes no writes")
    }
    self.guardian(scene)?.signalAlone(SIGTERM)
  }

  /// Lets the disk work again, and takes away what was mounted.
  func healDisk(_ fault: Fault.DiskFault, _ scene: FaultScene) async throws {
    let place = self.directory.manifests(scene.leader)
    guard fault == .hanging else {
      umount2(place, Int32(MNT_DETACH))
      return
    }
    // First of all, and without a program: nothing ends what waits for a frozen disk, and a cancelled task starts
    // none.
    try? self.freeze(place, false)
    await self.endAll(on: scene.leader)
    umount2(place, Int32(MNT_DETACH))
    try await self.launchAll(on: scene.leader)
  }

  /// Freezes a file system, or thaws it. Source: ioctl_fsfreeze(2), `linux/fs.h`.
  private func freeze(_ path: String, _ isFrozen: Bool) throws {
    let directory = try DirectoryHandle(path)
    guard ioctl(directory.descriptor, isFrozen ? 0xC004_5877 : 0xC004_5878, 0) == 0 else {
      throw FaultUnavailable(reason: "cannot freeze \(path): \(String(cString: strerror(errno)))")
    }
  }

  /// Ends the node's electors, which hand over what they lead, and then its kubelet.
  private func endAll(on node: String) async {
    await self.end(
      Component.electors.map { .component(node: node, $0) },
      within: self.configuration.longestHandOver)
    await self.end([.component(node: node, .kubelet)], within: .seconds(10))
  }

  private func launchAll(on node: String) async throws {
    for component in Component.electors + [.kubelet] {
      try await self.launch(.component(node: node, component))
    }
  }
}

extension String {
  /// Its first line.
  fileprivate var trimmed: String { String(self.prefix { $0 != "\n" }) }
}
