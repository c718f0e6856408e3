/// A map that keeps its keys in order, as a persistent value: a copy costs nothing, and a change copies only the nodes
/// on the way to the key, and only when a copy shares them.
///
/// It is a B-tree. The standard library and swift-collections have no ordered map whose copies share their parts.
struct OrderedMap<Key: Comparable, Value> {
  /// A node has at most so many keys, and, unless it is the root, at least half as many.
  static var capacity: Int { 32 }

  fileprivate struct Node {
    var keys: [Key] = []
    var values: [Value] = []
    /// One more than keys; none in a leaf.
    var children: [Node] = []
    /// How many keys are in here and below.
    var count = 0

    var isLeaf: Bool { self.children.isEmpty }

    /// The first key that is not less than this one, and whether it is this one.
    func place(of key: Key) -> (index: Int, isFound: Bool) {
      var (low, high) = (0, self.keys.count)
      while low < high {
        let middle = (low + high) / 2
        if self.keys[middle] < key { low = middle + 1 } else { high = middle }
      }
      return (low, low < self.keys.count && self.keys[low] == key)
    }

    mutating func recount() {
      self.count = self.keys.count + self.children.reduce(0) { $0 + $1.count }
    }
  }

  private var root = Node()

  var count: Int { self.root.count }
  var isEmpty: Bool { self.root.count == 0 }

  // MARK: Reading

  subscript(key: Key) -> Value? {
    get {
      var node = self.root
      while true {
        let (index, isFound) = node.place(of: key)
        if isFound { return node.values[index] }
        guard !node.isLeaf else { return nil }
        node = node.children[index]
      }
    }
    set {
      if let newValue { self.insert(newValue, for: key) } else { self.remove(key) }
    }
  }

  /// How many keys are less than this one.
  func rank(of key: Key) -> Int {
    var node = self.root
    var rank = 0
    while true {
      let (index, isFound) = node.place(of: key)
      rank += index
      guard !node.isLeaf else { return rank }
      rank += node.children[..<index].reduce(0) { $0 + $1.count }
      if isFound { return rank + node.children[index].count }
      node = node.children[index]
    }
  }

  /// The entry with the greatest key that is less than this one.
  func last(before key: Key) -> (key: Key, value: Value)? {
    var node = self.root
    var found: (Key, Value)?
    while true {
      let index = node.place(of: key).index
      if index > 0 { found = (node.keys[index - 1], node.values[index - 1]) }
      guard !node.isLeaf else { return found }
      node = node.children[index]
    }
  }

  /// The entry with the least key, or with the least one that is not less than this one.
  func first(from key: Key? = nil) -> (key: Key, value: Value)? {
    var found: (Key, Value)?
    self.forEach(from: key) {
      found = ($0, $1)
      return false
    }
    return found
  }

  /// In their order.
  var keys: [Key] {
    var keys: [Key] = []
    self.forEach { key, _ in
      keys.append(key)
      return true
    }
    return keys
  }

  /// Calls the body with the entries in order until it says no.
  /// - Parameter start: the first key to be visited, if it is there; `nil` for all.
  func forEach<E: Error>(
    from start: Key? = nil, _ body: (Key, Value) throws(E) -> Bool
  ) throws(E) {
    _ = try Self.visit(self.root, start, body)
  }

  private static func visit<E: Error>(
    _ node: Node, _ start: Key?, _ body: (Key, Value) throws(E) -> Bool
  ) throws(E) -> Bool {
    var index = 0
    var isFound = false
    if let start { (index, isFound) = node.place(of: start) }
    if !node.isLeaf, !isFound, try !Self.visit(node.children[index], start, body) { return false }
    while index < node.keys.count {
      guard try body(node.keys[index], node.values[index]) else { return false }
      index += 1
      if !node.isLeaf, try !Self.visit(node.children[index], nil, body) { return false }
    }
    return true
  }

  // MARK: Changes

  mutating func insert(_ value: Value, for key: Key) {
    guard let (middleKey, middleValue, right) = Self.insert(value, for: key, into: &self.root)
    else { return }
    var root = Node(keys: [middleKey], values: [middleValue], children: [self.root, right])
    root.recount()
    self.root = root
  }

  /// - Returns: the middle and the right part of a node that was full.
  private static func insert(
    _ value: Value, for key: Key, into node: inout Node
  ) -> (Key, Value, Node)? {
    let (index, isFound) = node.place(of: key)
    if isFound {
      node.values[index] = value
      return nil
    }
    if node.isLeaf {
      node.keys.insert(key, at: index)
      node.values.insert(value, at: index)
      node.count += 1
    } else {
      let before = node.children[index].count
      let split = Self.insert(value, for: key, into: &node.children[index])
      if let (middleKey, middleValue, right) = split {
        node.keys.insert(middleKey, at: index)
        node.values.insert(middleValue, at: index)
        node.children.insert(right, at: index + 1)
        node.recount()
      } else {
        node.count += node.children[index].count - before
      }
    }
    guard node.keys.count > Self.capacity else { return nil }
    let middle = node.keys.count / 2
    var right = Node(
      keys: Array(node.keys[(middle + 1)...]), values: Array(node.values[(middle + 1)...]))
    if !node.isLeaf {
      right.children = Array(node.children[(middle + 1)...])
      node.children.removeSubrange((middle + 1)...)
    }
    let (middleKey, middleValue) = (node.keys[middle], node.values[middle])
    node.keys.removeSubrange(middle...)
    node.values.removeSubrange(middle...)
    node.recount()
    right.recount()
    return (middleKey, middleValue, right)
  }

  mutating func remove(_ key: Key) {
    Self.remove(key, from: &self.root)
    if self.root.keys.isEmpty, !self.root.isLeaf { self.root = self.root.children[0] }
  }

  private static func remove(_ key: Key, from node: inout Node) {
    let (index, isFound) = node.place(of: key)
    if node.isLeaf {
      guard isFound else { return }
      node.keys.remove(at: index)
      node.values.remove(at: index)
      node.count -= 1
      return
    }
    let before = node.children[index].count
    if isFound {
      // The greatest entry below takes its place.
      (node.keys[index], node.values[index]) = Self.removeLast(from: &node.children[index])
    } else {
      Self.remove(key, from: &node.children[index])
    }
    node.count -= before - node.children[index].count
    Self.refill(index, of: &node)
  }

  private static func removeLast(from node: inout Node) -> (Key, Value) {
    if node.isLeaf {
      node.count -= 1
      return (node.keys.removeLast(), node.values.removeLast())
    }
    let entry = Self.removeLast(from: &node.children[node.children.count - 1])
    node.count -= 1
    Self.refill(node.children.count - 1, of: &node)
    return entry
  }

  /// Gives a child that has too few keys one of its neighbour's, or joins the two.
  private static func refill(_ index: Int, of node: inout Node) {
    let least = Self.capacity / 2
    guard node.children[index].keys.count < least else { return }
    if index > 0, node.children[index - 1].keys.count > least {
      let key = node.children[index - 1].keys.removeLast()
      let value = node.children[index - 1].values.removeLast()
      node.children[index].keys.insert(node.keys[index - 1], at: 0)
      node.children[index].values.insert(node.values[index - 1], at: 0)
      (node.keys[index - 1], node.values[index - 1]) = (key, value)
      if !node.children[index - 1].isLeaf {
        let child = node.children[index - 1].children.removeLast()
        node.children[index].children.insert(child, at: 0)
      }
      node.children[index - 1].recount()
      node.children[index].recount()
    } else if index + 1 < node.children.count, node.children[index + 1].keys.count > least {
      let key = node.children[index + 1].keys.removeFirst()
      let value = node.children[index + 1].values.removeFirst()
      node.children[index].keys.append(node.keys[index])
      node.children[index].values.append(node.values[index])
      (node.keys[index], node.values[index]) = (key, value)
      if !node.children[index + 1].isLeaf {
        let child = node.children[index + 1].children.removeFirst()
        node.children[index].children.append(child)
      }
      node.children[index + 1].recount()
      node.children[index].recount()
    } else {
      let left = index > 0 ? index - 1 : index
      let right = node.children.remove(at: left + 1)
      node.children[left].keys += [node.keys.remove(at: left)] + right.keys
      node.children[left].values += [node.values.remove(at: left)] + right.values
      node.children[left].children += right.children
      node.children[left].recount()
    }
  }
}

extension OrderedMap: Sendable where Key: Sendable, Value: Sendable {}
extension OrderedMap.Node: Sendable where Key: Sendable, Value: Sendable {}
