import EtcdClient
import KubernetesObjects
import Synchronization

/// An object as it is shown: taken apart, and as text. Both have its resource version.
struct ShownObject: Equatable, Sendable {
  let object: JSONValue
  let json: [UInt8]

  init(_ object: JSONValue) {
    self.object = object
    self.json = object.utf8
  }

  /// - Returns: `nil` for a directory, and for a key whose value is no JSON.
  init?(_ node: Node) {
    guard let value = node.value, var object = try? JSONValue(parsing: Array(value.utf8)) else {
      return nil
    }
    object["metadata"]?["resourceVersion"] = .string(String(node.modifiedIndex))
    self.init(object)
  }
}

/// What keys were taken for when they were seen last, so that a list need not take apart again what has not
/// changed.
///
/// It never says what is there: whoever asks has just read the key, and gets what he would have made of it
/// himself. Not the index alone decides, since another store, or an older copy of it, may have given the same
/// one to another value.
final class ObjectCache: Sendable {
  private struct Entry: Sendable {
    let value: String
    let index: UInt64
    let shown: ShownObject

    /// In bytes, of text; taken apart it needs some times as much.
    var size: Int { self.value.utf8.count + self.shown.json.count }
  }

  private struct State: Sendable {
    /// By directory and key.
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

  /// The texts of some 10,000 pods of 3 KB.
  static let usualLimit = 64 << 20

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: how many bytes of texts it keeps; what does not fit in is taken apart each time.
  init(limit: Int = ObjectCache.usualLimit) { self.limit = limit }

  /// How many objects it keeps.
  var count: Int { self.state.withLock { $0.directories.values.reduce(0) { $0 + $1.count } } }

  /// - Parameter node: as it was read just now.
  /// - Returns: `nil` for a directory, and for a key whose value is no JSON.
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

  /// A key has gone.
  func forget(_ key: String) {
    self.state.withLock { $0.set(key, nil, limit: self.limit) }
  }

  /// Forgets what is not there any more, of a directory that was read with everything below it.
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
