import FoundationEssentials
import KubernetesClient
import KubernetesObjects
import Logging

/// Keeps a kubelet's Node object and its Lease at the API server.
struct NodeKeeper: Sendable {
  let servers: APIServers
  let identity: NodeReport.Identity
  /// The period of status updates.
  let frequency: Duration
  let logger: Logger

  /// Registers the node, again after a deletion, and updates it until the task is cancelled.
  /// - Parameter onRegister: called with the Node object's uid.
  func run(_ onRegister: @escaping @Sendable (String) -> Void) async {
    let uid = LockedValue<String?>(nil)
    await withDiscardingTaskGroup { group in
      group.addTask {
        await self.keepStatus { new in
          uid.withLock { $0 = new }
          if let new { onRegister(new) }
        }
      }
      group.addTask { await self.keepLease { uid.value } }
    }
  }

  /// - Parameter onChange: called with the object's uid; `nil` when it is gone.
  private func keepStatus(_ onChange: (String?) -> Void) async {
    var report = NodeReport(self.identity)
    var isRegistered = false
    var errors = RepeatedError()
    while !Task.isCancelled {
      let facts = await BlockingWork.run { MachineFacts.machine(directory: "/var/lib") }
      do throws(APIServerError) {
        if isRegistered {
          let status = report.status(facts, now: KubernetesTime.seconds(.now))
          try await self.servers.send(
            APIRequest("PATCH", "\(self.path)/status", ["status": status]))
        } else {
          onChange(try await self.register(&report, facts))
          isRegistered = true
          self.logger.info(
            "Successfully registered node", metadata: ["node": "\(self.identity.name)"])
        }
        errors.succeeded()
      } catch {
        if error.isNotFound, isRegistered {
          isRegistered = false
          onChange(nil)
          continue
        }
        if errors.isNew(error) {
          self.logger.error(
            isRegistered ? "Error updating node status, will retry" : "Unable to register node",
            metadata: ["node": "\(self.identity.name)", "err": "\(error)"])
        }
      }
      let pause = isRegistered ? self.frequency : min(self.frequency, .seconds(1))
      try? await Task.sleep(for: pause)
    }
  }

  private var path: String { "/api/v1/nodes/\(self.identity.name)" }

  /// - Returns: the object's uid.
  private func register(
    _ report: inout NodeReport, _ facts: MachineFacts
  ) async throws(APIServerError) -> String {
    let object = report.object(facts, now: KubernetesTime.seconds(.now))
    let node: JSONValue
    do throws(APIServerError) {
      node = try await self.servers.send(APIRequest("POST", "/api/v1/nodes", object))
    } catch {
      guard error.isConflict else { throw error }
      // The object of a former run.
      let labels = report.labels(facts).mapValues { JSONValue.string($0) }
      node = try await self.servers.send(
        APIRequest("PATCH", self.path, ["metadata": ["labels": .object(labels)]]))
      try await self.servers.send(
        APIRequest("PATCH", "\(self.path)/status", ["status": object["status"] ?? [:]]))
    }
    return node.metadata.uid
  }

  /// - Parameter uid: the Node object's; `nil` while there is none.
  private func keepLease(uid: () -> String?) async {
    let collection =
      "/apis/coordination.k8s.io/v1/namespaces/\(NodeReport.leaseNamespace)/leases"
    let report = NodeReport(self.identity)
    var errors = RepeatedError()
    while !Task.isCancelled {
      guard let uid = uid() else {
        try? await Task.sleep(for: .milliseconds(100))
        continue
      }
      let lease = report.lease(uid: uid, now: KubernetesTime.microseconds(.now))
      do throws(APIServerError) {
        do throws(APIServerError) {
          try await self.servers.send(
            APIRequest("PATCH", "\(collection)/\(self.identity.name)", lease))
        } catch {
          guard error.isNotFound else { throw error }
          try await self.servers.send(APIRequest("POST", collection, lease))
        }
        errors.succeeded()
      } catch {
        if errors.isNew(error) {
          self.logger.error(
            "Failed to update lease",
            metadata: ["node": "\(self.identity.name)", "err": "\(error)"])
        }
      }
      try? await Task.sleep(for: NodeReport.leaseRenewal)
    }
  }
}

/// Logs an error once while it repeats. That no server answers is logged by the connection.
private struct RepeatedError {
  private var last: String?

  mutating func succeeded() { self.last = nil }

  mutating func isNew(_ error: APIServerError) -> Bool {
    if case .unanswered = error { return false }
    defer { self.last = "\(error)" }
    return self.last != "\(error)"
  }
}
