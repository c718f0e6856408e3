/// A pod's namespace and name, which are unique on a node.
public struct PodName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let namespace: String
  public let name: String

  public init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.namespace, left.name) < (right.namespace, right.name)
  }

  public var description: String { "\(self.namespace)/\(self.name)" }
}
