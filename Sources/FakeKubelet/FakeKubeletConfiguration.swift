import HTTPEndpoint
import KubernetesClient
import KubernetesObjects

/// What a ``FakeKubelet`` is told at its start.
public struct FakeKubeletConfiguration: Sendable {
  /// The manifest directory; it need not exist yet. A pod's uid depends on this spelling.
  public var manifestDirectory: String
  /// The node's name in lower case; pods are named `<name>-<node name>`.
  public var nodeName: String
  /// From one look at the directory to the next when inotify reports nothing; more than zero.
  public var fileCheckFrequency: Duration = .seconds(20)
  /// The real kubelet whose way of reading the directory is to be had, defects included, and whose uids;
  /// `nil` for a sane one with the uids of 1.26.
  public var kubeletVersion: KubeletVersion?
  /// Whether containers may ask for privileged mode. False, as in the 1.1 kubelet.
  public var allowsPrivileged = false
  /// How long an ended container waits until it is started again.
  public var crashLoopBackOff = CrashLoopBackOff()
  /// Where containers' logs are: `NAMESPACE_POD_UID/CONTAINER/ATTEMPT.log` below it, in the form of the
  /// container runtime interface. `nil` when the runtime writes none.
  public var podLogsDirectory: String?
  /// The API servers that it works with; `nil` for a kubelet that stands alone.
  public var apiServers: FakeKubeletAPIServers?
  /// What its pods' addresses, and the node's own, are said to be; only API servers are told.
  public var nodeAddress = "127.0.0.1"
  /// Whether it listens on its ports at all.
  public var servesHTTP = true
  /// The address of both ports. The real one listens on 0.0.0.0; nobody is asked for credentials here, so
  /// only this machine is let in.
  public var address = "127.0.0.1"
  /// What `/logs/` shows.
  public var logsDirectory = "/var/log"
  /// With a certificate the full port speaks TLS.
  public var tls: ServerTLS?
  /// Serves what everybody may see; 0 lets the kernel choose.
  public var readOnlyPort = 10255
  /// Serves these, `/runningpods/`, `/containerLogs/` and `/logs/`; 0 lets the kernel choose.
  public var port = 10250

  public init(manifestDirectory: String, nodeName: String) {
    self.manifestDirectory = manifestDirectory
    self.nodeName = nodeName
  }

  /// Why this is no node's name (an RFC 1123 subdomain in lower case, as an IPv4 address is, too);
  /// `nil` when it is one.
  public static func nodeNameProblem(_ name: String) -> String? {
    KubernetesName.subdomainProblem(name)
  }

  /// Why this is no label of a node; `nil` when it is one.
  public static func nodeLabelProblem(_ key: String, _ value: String) -> String? {
    KubernetesName.qualifiedNameProblem(key) ?? KubernetesName.labelValueProblem(value)
  }
}

/// What a kubelet has to do with API servers: it shows static pods as mirror pods, runs the pods that are
/// bound to its node, tells of all of them, and is a node.
public struct FakeKubeletAPIServers: Sendable {
  /// Any of them will do.
  public var servers: [APIServer]
  /// Whether there is to be a Node object of its own, with a Lease.
  public var registersNode = true
  /// How often the Node object's status is written; more than zero.
  public var nodeStatusUpdateFrequency: Duration = .seconds(10)
  /// The Node object's labels, besides those that every node has.
  public var nodeLabels: [String: String] = [:]

  public init(servers: [APIServer]) {
    self.servers = servers
  }
}

/// Where a running kubelet can be reached.
public struct FakeKubeletAddresses: Equatable, Sendable {
  /// `http://127.0.0.1:10255`, with the port that is in use.
  public let readOnly: String
  /// `http://127.0.0.1:10250`, or `https://…`, with the port that is in use.
  public let main: String
}

/// Why a ``FakeKubelet`` ended early, besides `ServerTLSError`.
public enum FakeKubeletError: Error, Equatable, CustomStringConvertible {
  /// A port could not be listened on. `flag` is the option of the `fake-kubelet` command that sets it.
  case cannotListen(address: String, port: Int, flag: String, reason: String)

  public var description: String {
    switch self {
    case .cannotListen(let address, let port, let flag, let reason):
      "cannot listen on \(address):\(port) (--address, \(flag)): \(reason); choose others, such as "
        + "\(flag)=0 for any free port"
    }
  }
}
