/// An API of etcd.
public enum EtcdAPI: String, CaseIterable, Sendable, CustomStringConvertible {
  /// v2 if a server has it, else v3.
  case auto
  case v2
  case v3

  public var description: String { self.rawValue }
}
