import Glibc
import KubernetesObjects

extension ProcessRuntime {
  /// Turns a container of a manifest into a command, and makes its volumes. Blocks.
  func command(
    for id: ContainerID, of pod: PodManifest
  ) throws(StartFailure) -> ContainerCommand {
    guard let container = pod.spec(ofContainer: id.container) else {
      throw .configuration("the manifest has no container \(id.container)")
    }
    let hostname =
      pod.spec["hostNetwork"]?.boolean == true
      ? pod.spec["nodeName"]?.string ?? "" : pod.spec["hostname"]?.string ?? pod.name.name
    var environment = ContainerEnvironment(hostname: hostname)
    if let problem = environment.add(
      container, of: pod, nodeAddress: self.configuration.nodeAddress)
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
    return ContainerCommand(
      imageRoot: imageRoot,
      tree: HostFiles.tree(of: imageRoot, leadingTo: mounts.map(\.target)), mounts: mounts,
      hostname: hostname, environment: environment,
      workingDirectory: container["workingDir"]?.string ?? "/", words: words)
  }

  private func mounts(
    of container: JSONValue, in pod: PodManifest, _ environment: ContainerEnvironment
  ) throws(StartFailure) -> [ContainerCommand.Mount] {
    let pods = self.configuration.podsDirectory
    var mounts: [ContainerCommand.Mount] = []
    for mount in container["volumeMounts"]?.elements ?? [] {
      guard
        let volume = pod.spec["volumes"]?.elements.first(where: { $0["name"] == mount["name"] })
      else { continue }
      var hostPath = try HostFiles.hostPath(of: volume) { name throws(StartFailure) in
        let path = try HostFiles.makeDirectories([pod.uid, "volumes", name], in: pods)
        // The directories above it are root's alone.
        chmod(path, 0o777)
        return path
      }
      let subPath =
        mount["subPath"]?.string ?? environment.expand(mount["subPathExpr"]?.string ?? "")
      if !subPath.isEmpty {
        guard !subPath.hasPrefix("/"), !subPath.split(separator: "/").contains("..") else {
          throw .configuration(
            "container \(container["name"]?.string ?? ""): subPath \"\(subPath)\" leads out of the volume"
          )
        }
        hostPath += "/\(subPath)"
        if !HostFiles.exists(hostPath) { try HostFiles.makeDirectory(hostPath) }
      }
      let target = (mount["mountPath"]?.string ?? "/").split(separator: "/")
      mounts.append(
        ContainerCommand.Mount(
          hostPath: hostPath, target: "/" + target.joined(separator: "/"),
          isReadOnly: mount["readOnly"]?.boolean == true))
    }
    return mounts
  }
}
