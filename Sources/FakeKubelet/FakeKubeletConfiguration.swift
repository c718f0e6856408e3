import HTTPEndpoint
import KubernetesClient
import KubernetesObjects

/// The settings of a ``FakeKubelet``.
public struct FakeKubeletConfiguration: Sendable {
  /// The manifest directory; it need not exist yet. Pods' uids depend on its spelling.
  public var manifestDirectory: String
  /// The node's name in lower case; pods are named `<name>-<node name>`.
  public var nodeName: String
  /// The period of lists of the directory when inotify reports no change; more than zero.
  public var fileCheckFrequency: Duration = .seconds(20)
  /// The release of the real kubelet that is imitated: in reading the directory, defects included, in the
  /// fields and rules of pods and in uids; `nil` for no defects, all fields, the rules of 1.32 and the uids
  /// of 1.26.
  public var kubeletVersion: KubeletVersion?
  /// Whether containers may be privileged.
  public var allowsPrivileged = true
  /// The delays between a container's restarts.
  public var crashLoopBackOff = CrashLoopBackOff()
  /// How much later than other pods a pod is stopped that is removed within ten seconds of its start. The real
  /// kubelet takes up to 3.7 s.
  public var youngPodDelay: Duration = .zero
  /// The directory of containers' logs: `NAMESPACE_POD_UID/CONTAINER/ATTEMPT.log` below it, in the format of
  /// the container runtime interface. `nil` when the runtime writes none.
  public var podLogsDirectory: String?
  /// The API servers; `nil` for a standalone kubelet.
  public var apiServers: FakeKubeletAPIServers?
  /// The address of the node and of all its pods at the API servers.
  public var nodeAddress = "127.0.0.1"
  /// Whether the kubelet has ports.
  public var servesHTTP = true
  /// The address of both ports. The real kubelet listens on 0.0.0.0; this one has no authentication by
  /// default, so only this machine can connect.
  public var address = "127.0.0.1"
  /// The directory of `/logs/`.
  public var logsDirectory = "/var/log"
  /// The certificate of the full port; `nil` for plain HTTP.
  public var tls: ServerTLS?
  /// The port without sensitive endpoints; 0 lets the kernel choose.
  public var readOnlyPort = 10255
  /// The full port, which adds `/runningpods/`, `/containerLogs/` and `/logs/`; 0 lets the kernel choose.
  public var port = 10250

  public init(manifestDirectory: String, nodeName: String) {
    self.manifestDirectory = manifestDirectory
    self.nodeName = nodeName
  }

  /// Why a text is no node name (an RFC 1123 subdomain in lower case; an IPv4 address is one, too); `nil`
  /// when it is one.
  public static func nodeNameProblem(_ name: String) -> String? {
    KubernetesName.subdomainProblem(name)
  }

  /// Why a pair is no valid label; `nil` when it is one.
  public static func nodeLabelProblem(_ key: String, _ value: String) -> String? {
    KubernetesName.qualifiedNameProblem(key) ?? KubernetesName.labelValueProblem(value)
  }
}
