/// The URLs of a running kubelet.
public struct FakeKubeletAddresses: Equatable, Sendable {
  /// `http://127.0.0.1:10255`, with the actual port.
  public let readOnly: String
  /// `http://127.0.0.1:10250`, or `https://…`, with the actual port.
  public let main: String
}

/// Why a ``FakeKubelet`` cannot start, besides `ServerTLSError`.
public enum FakeKubeletError: Error, Equatable, CustomStringConvertible {
  /// A port could not be bound; `flag` is its option of the `fake-kubelet` command.
  case cannotListen(address: String, port: Int, flag: String, reason: String)

  public var description: String {
    switch self {
    case .cannotListen(let address, let port, let flag, let reason):
      "cannot listen on \(address):\(port) (--address, \(flag)): \(reason); choose others, such as "
        + "\(flag)=0 for any free port"
    }
  }
}
