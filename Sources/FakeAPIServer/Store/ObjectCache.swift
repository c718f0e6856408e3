import EtcdClient
import KubernetesObjects
import Synchronization

/// An object with its resource version: as a value and as text.
struct ShownObject: Equatable, Sendable {
  let object: JSONValue
  let json: [UInt8]

  init(_ object: JSONValue) {
    self.object = object
    self.json = object.utf8
  }

  /// - Returns: `nil` for a directory, and for a value that is no JSON.
  init?(_ node: Node) {
    guard let value = node.value, var object = try? JSONValue(parsing: Array(value.utf8)) else {
      return nil
    }
    object["metadata"]?["resourceVersion"] = .string(String(node.modifiedIndex))
    self.init(object)
  }
}

/// A cache of decoded objects, so that a list decodes only what has changed.
///
/// It is never a source of truth: callers have just read the key. An entry matches by index and value,
/// since another store, or an older copy of this one, may have given the same index to another value.
final class ObjectCache: Sendable {
  private struct Entry: Sendable {
    let value: String
    let index: UInt64
    let shown: ShownObject

    /// The bytes of both texts; the decoded value needs several times as much.
    var size: Int { self.value.utf8.count + self.shown.json.count }
  }

  private struct State: Sendable {
    /// By directory, then by key.
    var directories: [Substring: [String: Entry]] = [:]
    var size = 0

    mutating func set(_ key: String, _ entry: Entry?, limit: Int) {
      let directory = ObjectCache.directory(of: key)
      self.size -= self.directories[directory]?.removeValue(forKey: key)?.size ?? 0
      if let entry, self.size + entry.size <= limit {
        self.directories[directory, default: [:]][key] = entry
        self.size += entry.size
      } else if self.directories[directory]?.isEmpty == true {
        self.directories[directory] = nil
      }
    }
  }

  /// The texts of about 10,000 pods of 3 KB.
  static let usualLimit = 64 << 20

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: the bytes of texts that it keeps; objects beyond it are decoded each time.
  init(limit: Int = ObjectCache.usualLimit) { self.limit = limit }

  /// The number of cached objects.
  var count: Int { self.state.withLock { $0.directories.values.reduce(0) { $0 + $1.count } } }

  /// - Parameter node: a key that was just read.
  /// - Returns: `nil` for a directory, and for a value that is no JSON.
  func shown(_ node: Node) -> ShownObject? {
    guard let value = node.value else { return nil }
    let known = self.state.withLock {
      $0.directories[Self.directory(of: node.key)]?[node.key]
    }
    if let known, known.index == node.modifiedIndex, known.value == value { return known.shown }
    guard let shown = ShownObject(node) else { return nil }
    let entry = Entry(value: value, index: node.modifiedIndex, shown: shown)
    self.state.withLock { $0.set(node.key, entry, limit: self.limit) }
    return shown
  }

  /// Removes a deleted key.
  func forget(_ key: String) {
    self.state.withLock { $0.set(key, nil, limit: self.limit) }
  }

  /// Removes the keys that are missing from a directory that was read recursively.
  func keep(only directory: Node) {
    var present: [Substring: Set<String>] = [:]
    func look(_ node: Node) {
      present[node.key[...]] = Set(node.nodes.lazy.filter { !$0.dir }.map(\.key))
      for child in node.nodes where child.dir { look(child) }
    }
    look(directory)
    self.state.withLock { state in
      for (name, entries) in state.directories
      where name == directory.key || name.hasPrefix("\(directory.key)/") {
        let keys = present[name] ?? []
        guard !entries.keys.allSatisfy(keys.contains) else { continue }
        for key in entries.keys where !keys.contains(key) {
          state.set(key, nil, limit: self.limit)
        }
      }
    }
  }

  private static func directory(of key: String) -> Substring {
    key[..<(key.lastIndex(of: "/") ?? key.startIndex)]
  }
}
