/// What a ``FakeKubelet`` is told at its start.
public struct FakeKubeletConfiguration: Sendable {
  /// The manifest directory; it need not exist yet. A pod's uid depends on this spelling.
  public var manifestDirectory: String
  /// The node's name in lower case; pods are named `<name>-<node name>`.
  public var nodeName: String
  /// From one look at the directory to the next when inotify reports nothing; more than zero.
  public var fileCheckFrequency: Duration = .seconds(20)
  /// Whether containers may ask for privileged mode. False, as in the 1.1 kubelet.
  public var allowsPrivileged = false
  /// How long an ended container waits until it is started again.
  public var crashLoopBackOff = CrashLoopBackOff()
  /// Whether it listens on its ports at all.
  public var servesHTTP = true
  /// The address of both ports. The real one listens on 0.0.0.0; nobody is asked for credentials here, so
  /// only this machine is let in.
  public var address = "127.0.0.1"
  /// Serves `/pods` and `/healthz`; 0 lets the kernel choose.
  public var readOnlyPort = 10255
  /// Serves these and `/runningpods/`; 0 lets the kernel choose.
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
}

/// Where a running kubelet can be reached.
public struct FakeKubeletAddresses: Equatable, Sendable {
  /// `http://127.0.0.1:10255`, with the port that is in use.
  public let readOnly: String
  /// `http://127.0.0.1:10250`, with the port that is in use.
  public let main: String
}

/// Why a ``FakeKubelet`` ended early.
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
