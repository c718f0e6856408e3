import Logging

/// The kubelet's log, with the real kubelet's messages where it has one.
extension FakeKubelet {
  func log(_ changes: ManifestChanges) {
    let path: Logger.MetadataValue = "\(self.configuration.manifestDirectory)"
    if let reason = changes.directoryVanished {
      self.logger.error(
        "Unable to read config path", metadata: ["err": "\(reason)", "path": path])
    }
    if changes.directoryReturned {
      self.logger.info("The config path can be read again", metadata: ["path": path])
    }
    for error in changes.errors {
      self.logger.error(
        "Could not process manifest file",
        metadata: ["err": "\(error)", "path": "\(error.path)"])
    }
  }

  /// - Parameter source: the source of the change.
  func log(_ event: PodWorkers.Event, _ source: PodManifest.Source) {
    switch event {
    case .changed(let removed, let added, let updated):
      if !removed.isEmpty { self.logChange("SyncLoop REMOVE", removed, source) }
      if !added.isEmpty { self.logChange("SyncLoop ADD", added.map(\.name), source) }
      for pod in added {
        let fields = UnenforcedFields.list(of: pod)
        guard !fields.isEmpty else { continue }
        self.logger.info(
          "Accepted and shown, but not enforced on this node",
          metadata: ["pod": "\(pod.name)", "fields": "\(fields.joined(separator: ","))"])
      }
      if !updated.isEmpty { self.logChange("SyncLoop UPDATE", updated.map(\.name), source) }
    case .deleted(let name, _, _): self.logChange("SyncLoop DELETE", [name], source)
    case .containerStarted(let id): self.logger.info("Started container", metadata: Self.names(id))
    case .containerExited(let id, let code):
      self.logger.info("Container ended", metadata: Self.names(id, ["exitCode": "\(code)"]))
    case .containerFailedToStart(let id, let failure):
      self.logger.error(
        "Error syncing pod, skipping", metadata: Self.names(id, ["err": "\(failure.message)"]))
    case .stopping: self.logger.info("Stopping: all containers end with their grace period")
    case .containerSaid, .hookEnded, .probed, .woke: break
    }
  }

  func log(_ effect: PodWorkers.Effect) {
    switch effect {
    case .signal(.terminate, let id):
      self.logger.info("Killing container with a grace period", metadata: Self.names(id))
    case .signal(.kill, let id):
      self.logger.info("The grace period is over: killing container", metadata: Self.names(id))
    case .report(let event, let name):
      self.logger.info(
        "Event occurred",
        metadata: [
          "object": "\(name)", "kind": "Pod", "apiVersion": "v1",
          "type": "\(event.severity.rawValue)", "reason": "\(event.reason)",
          "message": "\(event.message)",
        ])
    case .podEnded(let name, let uid):
      self.logger.info(
        "Pod has been terminated", metadata: ["pod": "\(name)", "podUID": "\(uid)"])
    case .runHook(let kind, _, let id, _):
      self.logger.info("Running \(kind.rawValue) hook", metadata: Self.names(id))
    case .probe(let kind, _, let id, _, _):
      self.logger.trace(
        "Probing container", metadata: Self.names(id, ["probeType": "\(kind.rawValue)"]))
    case .startContainer(let id, _):
      self.logger.debug("Creating container", metadata: Self.names(id))
    case .wake: break
    }
  }

  private func logChange(
    _ message: Logger.Message, _ pods: [PodName], _ source: PodManifest.Source
  ) {
    let names = pods.map { "\"\($0)\"" }.joined(separator: ",")
    self.logger.info(message, metadata: ["source": "\(source.rawValue)", "pods": "[\(names)]"])
  }

  private static func names(
    _ id: ContainerID, _ more: Logger.Metadata = [:]
  ) -> Logger.Metadata {
    more.merging([
      "pod": "\(id.pod)", "containerName": "\(id.container)", "attempt": "\(id.attempt)",
    ]) { $1 }
  }
}
