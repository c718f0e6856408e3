import Glibc
import KubernetesObjects
import Linux

extension ProcessRuntime {
  /// Turns a container of a manifest into a command, and makes its volumes. Blocks.
  /// - Parameter directory: the shim's.
  func command(
    for id: ContainerID, of pod: PodManifest, in directory: String
  ) throws(StartFailure) -> ContainerCommand {
    guard let container = pod.spec(ofContainer: id.container) else {
      throw .configuration("the manifest has no container \(id.container)")
    }
    let hostname =
      pod.spec["hostNetwork"]?.boolean == true
      ? pod.spec["nodeName"]?.string ?? "" : pod.spec["hostname"]?.string ?? pod.name.name
    var environment = ContainerEnvironment(hostname: hostname)
    if let problem = environment.add(
      container, of: pod, nodeAddress: self.configuration.nodeAddress,
      machine: { .machine(directory: self.configuration.rootDirectory) })
    {
      throw .configuration("container \(id.container): \(problem)")
    }
    var mounts = try self.mounts(of: container, in: pod, environment)
    var words = (container["command"]?.elements ?? []).compactMap(\.string)
    let arguments = (container["args"]?.elements ?? []).compactMap(\.string)
    let image = container["image"]?.string ?? ""
    var imageRoot = ""
    switch self.configuration.images.root(of: image, isDirectory: HostFiles.isDirectory) {
    case .host: break
    case .directory(let path): imageRoot = path
    case .binary(let path, let place):
      guard HostFiles.exists(path) else {
        throw .configuration("image \(image): there is no \(path), to which it is mapped")
      }
      mounts.append(ContainerCommand.Mount(hostPath: path, target: place, isReadOnly: true))
      if words.isEmpty { words = [place] }
    }
    words = (words + arguments).map { environment.expand($0) }
    guard !words.isEmpty else {
      throw .configuration(
        "container \(id.container): it has no command, and image \(image) is mapped to no binary")
    }
    let privileges = ContainerPrivileges(container)
    mounts = try mounts.map { (mount) throws(StartFailure) in try self.placed(mount, in: imageRoot)
    }
    try self.checkPlaces(of: mounts, isPrivileged: privileges.isPrivileged)
    if let message = try TerminationMessage(of: id, in: pod, self.configuration)?.make() {
      mounts.append(try self.placed(message, in: imageRoot))
    }
    var command = ContainerCommand(
      imageRoot: imageRoot,
      tree: HostFiles.tree(of: imageRoot, leadingTo: mounts.map(\.target)), mounts: mounts,
      hostname: hostname, environment: environment,
      workingDirectory: container["workingDir"]?.string ?? "/", words: words,
      shimDirectory: directory, privileges: privileges,
      devices: privileges.isPrivileged ? HostFiles.entries(of: "/dev") : [:],
      kernelFiles: HostFiles.kernelFiles(ofImage: imageRoot),
      sharesIPC: pod.spec["hostIPC"]?.boolean == true)
    if imageRoot.isEmpty { command.resolver = HostFiles.resolverInRun }
    // In a file of arguments it would be the end of one of them.
    if let text = (command.arguments + words).first(where: { $0.contains("\0") }) {
      throw .configuration(
        "container \(id.container): \(JSONValue.string(text)) contains a NUL character")
    }
    return command
  }

  private func mounts(
    of container: JSONValue, in pod: PodManifest, _ environment: ContainerEnvironment
  ) throws(StartFailure) -> [ContainerCommand.Mount] {
    let pods = self.configuration.podsDirectory
    func problem(_ text: String) -> StartFailure {
      .configuration("container \(container["name"]?.string ?? ""): \(text)")
    }
    var mounts: [ContainerCommand.Mount] = []
    for mount in container["volumeMounts"]?.elements ?? [] {
      guard
        let volume = pod.spec["volumes"]?.elements.first(where: { $0["name"] == mount["name"] })
      else { continue }
      let hostPath = try HostFiles.hostPath(of: volume) { name throws(StartFailure) in
        // For all users of the containers; the directories above it are root's alone.
        try HostFiles.makeDirectories([pod.uid, "volumes", name], in: pods, last: 0o777)
      }
      let subPath =
        mount["subPath"]?.string ?? environment.expand(mount["subPathExpr"]?.string ?? "")
      if !subPath.isEmpty {
        guard PathComponent.steps(of: subPath) != nil else {
          throw problem("subPath \"\(subPath)\" leads out of the volume")
        }
        do throws(FileError) {
          try HostFiles.makeSubPath(subPath, in: hostPath)
        } catch {
          throw problem("subPath \"\(subPath)\": \(error.reason)")
        }
      }
      mounts.append(
        ContainerCommand.Mount(
          hostPath: hostPath, subPath: subPath, target: mount["mountPath"]?.string ?? "/",
          isReadOnly: mount["readOnly"]?.boolean == true))
    }
    return mounts
  }

  /// A mount at its place in the image.
  private func placed(
    _ mount: ContainerCommand.Mount, in imageRoot: String
  ) throws(StartFailure) -> ContainerCommand.Mount {
    let place = ContainerPath.place(of: mount.target) { directory in
      ContainerCommand.isOwn(directory) ? [:] : HostFiles.entries(of: imageRoot + directory)
    }
    guard let place else {
      throw .configuration("mountPath \"\(mount.target)\": too many levels of symbolic links")
    }
    return ContainerCommand.Mount(
      hostPath: mount.hostPath, subPath: mount.subPath, target: place, isReadOnly: mount.isReadOnly)
  }

  private func checkPlaces(
    of mounts: [ContainerCommand.Mount], isPrivileged: Bool
  ) throws(StartFailure) {
    let reserved = mounts.first { mount in
      ContainerPath.isReserved(mount.target, isPrivileged: isPrivileged)
        && !mounts.contains { ContainerPath.rest(of: mount.target, beneath: $0.target) != nil }
    }
    if let reserved {
      throw .configuration("mountPath \"\(reserved.target)\" cannot be inside of /proc or /dev")
    }
  }
}
