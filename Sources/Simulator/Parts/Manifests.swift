import Elector
import FakeKubelet
import KubernetesObjects
import Synchronization

/// The elected pod's manifest as the kubelet of each node decodes it, once each.
final class Manifests: Sendable {
  static let shared = Manifests()

  private struct Key: Hashable {
    let node: String
    let graceSeconds: Int64
  }
  private let pods = Mutex<[Key: PodManifest]>([:])

  func pod(node: String, graceSeconds: Int64) -> PodManifest {
    let key = Key(node: node, graceSeconds: graceSeconds)
    return self.pods.withLock { pods in
      if let pod = pods[key] { return pod }
      let text = """
        apiVersion: v1
        kind: Pod
        metadata: {name: kube-scheduler, namespace: kube-system}
        spec:
          terminationGracePeriodSeconds: \(graceSeconds)
          containers: [{name: kube-scheduler, image: "kube-scheduler:1"}]
        """
      do {
        let pod = try PodManifest(
          decoding: Array(text.utf8), path: "/etc/kubernetes/manifests/kube-scheduler.yaml",
          node: PodManifest.Node(name: node))
        pods[key] = pod
        return pod
      } catch {
        preconditionFailure("the simulator's own manifest: \(error)")
      }
    }
  }
}

/// The text of a simulated manifest: empty, or the pod's uid and deadline.
struct ManifestText {
  /// - Returns: the bytes of a manifest's file.
  static func bytes(_ deadline: ManifestCopy.Deadline) -> [UInt8] {
    guard case .expiry(let expiry) = deadline else { return [] }
    return Array("\(expiry.uid) \(expiry.seconds)".utf8)
  }

  /// - Returns: `nil` for a pod that does not expire.
  static func expiry(in bytes: [UInt8]) -> (uid: String, seconds: Int64)? {
    let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard fields.count == 2, let seconds = Int64(fields[1]) else { return nil }
    return (String(fields[0]), seconds)
  }
}
