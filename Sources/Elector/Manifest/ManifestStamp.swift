import Yams

/// The additions to a manifest's source: the pod's leader, and a fencing token.
///
/// The token is the term, constant while one elector holds the lock and larger for each new holder. A server
/// that remembers the largest token can refuse requests of a pod of an earlier term.
///
/// Source: M. Kleppmann, "How to do distributed locking", 2016, for the token.
public struct ManifestStamp: Equatable, Sendable {
  /// The lock's key.
  public var key: String
  /// The lock's value while we hold it.
  public var holder: String
  /// Whether to annotate the pod with token, holder and key, `--annotate`.
  public var annotates: Bool
  /// The environment variable of each container for the token, `--token-env`.
  public var tokenVariable: String?

  public init(key: String, holder: String, annotates: Bool, tokenVariable: String?) {
    self.key = key
    self.holder = holder
    self.annotates = annotates
    self.tokenVariable = tokenVariable
  }

  /// The prefix of the annotations.
  public static let prefix = "elector.zweimaster.dev/"

  /// Whether a container may have an environment variable of this name.
  /// Source: Kubernetes, `IsEnvVarName` in `apimachinery/pkg/util/validation`.
  public static func isVariableName(_ name: String) -> Bool {
    name.wholeMatch(of: /[-._a-zA-Z][-._a-zA-Z0-9]*/) != nil && name != "." && name != ".."
      && !name.hasPrefix("..")
  }

  /// Whether it changes anything.
  var isEmpty: Bool { !self.annotates && self.tokenVariable == nil }

  /// Stamps a manifest, which loses its comments and layout.
  /// - Parameters:
  ///   - expiry: when the kubelet ends the pod by itself; the manifest's own deadline stays if it is
  ///     shorter.
  ///   - source: the manifest's file, for errors.
  /// - Throws: ``ManifestError/notAPod(_:reason:)``.
  func applied(
    to manifest: [UInt8], term: UInt64, expiry: ManifestExpiry? = nil, source: String
  ) throws(ManifestError) -> [UInt8] {
    var root: Node
    do {
      guard let node = try Yams.compose(yaml: String(decoding: manifest, as: UTF8.self)) else {
        throw ManifestError.empty(source)
      }
      root = node
    } catch let error as ManifestError {
      throw error
    } catch {
      throw .notAPod(source, reason: Self.reason(error))
    }
    let token = Node("\(term)", Tag(.str), .doubleQuoted)
    if self.annotates {
      try Self.edit(&root, ["metadata", "annotations"], in: source) { annotations in
        annotations[Node(Self.prefix + "token")] = token
        annotations[Node(Self.prefix + "holder")] = Node(self.holder, Tag(.str), .doubleQuoted)
        annotations[Node(Self.prefix + "key")] = Node(self.key, Tag(.str), .doubleQuoted)
      }
    }
    if let tokenVariable {
      let variable = Node([
        (Node("name"), Node(tokenVariable, Tag(.str), .doubleQuoted)), (Node("value"), token),
      ])
      try Self.edit(&root, ["spec"], in: source) { spec in
        for field in ["initContainers", "containers"] {
          guard let containers = spec[Node(field)]?.sequence else { continue }
          spec[Node(field)] = Node(
            containers.map { Self.container($0, with: variable, named: tokenVariable) })
        }
      }
    }
    if let expiry {
      try Self.edit(&root, ["metadata"], in: source) {
        $0[Node("uid")] = Node(expiry.uid, Tag(.str), .doubleQuoted)
      }
      try Self.edit(&root, ["spec"], in: source) { spec in
        let own = spec[Node("activeDeadlineSeconds")]?.int.map { Int64($0) } ?? .max
        spec[Node("activeDeadlineSeconds")] = Node("\(min(own, expiry.seconds))")
      }
    }
    do {
      return Array(try Yams.serialize(node: root, width: -1, allowUnicode: true).utf8)
    } catch {
      throw .notAPod(source, reason: Self.reason(error))
    }
  }

  /// Without the lines of the manifest, which may hold secrets and would go into the log.
  private static func reason(_ error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "line \(mark.line), column \(mark.column): \(problem)"
    case .reader(let problem, _, _, _): problem
    case .duplicatedKeysInMapping(_, _): "a key is there twice"
    case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded, nil: "\(error)"
    }
  }

  /// The variable comes first, because others may refer to it.
  private static func container(_ node: Node, with variable: Node, named name: String) -> Node {
    guard var container = node.mapping else { return node }
    let others = (container[Node("env")]?.sequence).map(Array.init) ?? []
    container[Node("env")] = Node([variable] + others.filter { $0["name"]?.string != name })
    return .mapping(container)
  }

  /// Changes the mapping at a path; creates it if it is missing.
  private static func edit(
    _ node: inout Node, _ path: ArraySlice<String>, in source: String,
    _ change: (inout Node.Mapping) -> Void
  ) throws(ManifestError) {
    guard var mapping = node.mapping else {
      throw .notAPod(source, reason: "no mapping above \(path.first ?? "its end")")
    }
    if let name = path.first {
      let key = Node(name)
      var child = mapping[key] ?? Node([(Node, Node)]())
      if child.null != nil { child = Node([(Node, Node)]()) }
      try Self.edit(&child, path.dropFirst(), in: source, change)
      mapping[key] = child
    } else {
      change(&mapping)
    }
    node = .mapping(mapping)
  }
}
