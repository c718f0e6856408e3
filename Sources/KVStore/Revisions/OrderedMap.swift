/// A map that keeps its keys in order, as a persistent value: a copy costs nothing, and a change copies only the nodes
/// on the way to the key, and only when a copy shares them.
///
/// It is a B-tree. The standard library and swift-collections have no ordered map whose copies share their parts.
struct OrderedMap<Key: Comparable, Value> {
  /// A node has at most so many keys, and, unless it is the root, at least half as many.
  static var capacity: Int { 32 }

  fileprivate typealias Entry = (key: Key, value: Value)

  /// An object: a node that holds it counts one reference, and to copy that node costs as many as it has entries and
  /// children.
  fileprivate final class Node {
    var entries: [Entry]
    /// One more than entries; none in a leaf.
    var children: [Node]
    /// How many entries are in here and below.
    var count: Int

    init(entries: [Entry] = [], children: [Node] = []) {
      self.entries = entries
      self.children = children
      self.count = 0
      self.recount()
    }

    /// A copy that may be changed.
    init(copying node: Node) {
      self.entries = node.entries
      self.children = node.children
      self.count = node.count
    }

    var isLeaf: Bool { self.children.isEmpty }

    /// The first key that is not less than this one, and whether it is this one.
    func place(of key: Key) -> (index: Int, isFound: Bool) {
      // The buffer counts no references while it is looked at.
      self.entries.withUnsafeBufferPointer { entries in
        var (low, high) = (0, entries.count)
        while low < high {
          let middle = (low + high) / 2
          if entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < entries.count && entries[low].key == key)
      }
    }

    func recount() {
      self.count = self.entries.count + self.children.reduce(0) { $0 + $1.count }
    }

    /// A child that nobody else holds.
    func ownChild(_ index: Int) -> Node { OrderedMap.own(&self.children[index]) }
  }

  /// The node itself if nobody else holds it, else a copy in its place.
  private static func own(_ node: inout Node) -> Node {
    if !isKnownUniquelyReferenced(&node) { node = Node(copying: node) }
    return node
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
        if isFound { return node.entries[index].value }
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
    var found: Entry?
    while true {
      let index = node.place(of: key).index
      if index > 0 { found = node.entries[index - 1] }
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
    while index < node.entries.count {
      guard try body(node.entries[index].key, node.entries[index].value) else { return false }
      index += 1
      if !node.isLeaf, try !Self.visit(node.children[index], nil, body) { return false }
    }
    return true
  }

  // MARK: Changes

  mutating func insert(_ value: Value, for key: Key) {
    let root = Self.own(&self.root)
    guard let (middle, right) = Self.insert((key, value), into: root) else { return }
    self.root = Node(entries: [middle], children: [root, right])
  }

  /// - Parameter node: one that nobody else holds.
  /// - Returns: the middle and the right part of a node that was full.
  private static func insert(_ entry: Entry, into node: Node) -> (Entry, Node)? {
    let (index, isFound) = node.place(of: entry.key)
    if isFound {
      node.entries[index].value = entry.value
      return nil
    }
    if node.isLeaf {
      node.entries.insert(entry, at: index)
      node.count += 1
    } else {
      let child = node.ownChild(index)
      let before = child.count
      if let (middle, right) = Self.insert(entry, into: child) {
        node.entries.insert(middle, at: index)
        node.children.insert(right, at: index + 1)
        node.count += child.count + right.count + 1 - before
      } else {
        node.count += child.count - before
      }
    }
    guard node.entries.count > Self.capacity else { return nil }
    let middle = node.entries.count / 2
    let right = Node(
      entries: Array(node.entries[(middle + 1)...]),
      children: node.isLeaf ? [] : Array(node.children[(middle + 1)...]))
    let entry = node.entries[middle]
    node.entries.removeSubrange(middle...)
    if !node.isLeaf { node.children.removeSubrange((middle + 1)...) }
    node.count -= right.count + 1
    return (entry, right)
  }

  mutating func remove(_ key: Key) {
    let root = Self.own(&self.root)
    Self.remove(key, from: root)
    if root.entries.isEmpty, !root.isLeaf { self.root = root.children[0] }
  }

  /// - Parameter node: one that nobody else holds.
  private static func remove(_ key: Key, from node: Node) {
    let (index, isFound) = node.place(of: key)
    if node.isLeaf {
      guard isFound else { return }
      node.entries.remove(at: index)
      node.count -= 1
      return
    }
    let child = node.ownChild(index)
    let before = child.count
    if isFound {
      // The greatest entry below takes its place.
      node.entries[index] = Self.removeLast(from: child)
    } else {
      Self.remove(key, from: child)
    }
    node.count -= before - child.count
    Self.refill(index, of: node)
  }

  private static func removeLast(from node: Node) -> Entry {
    node.count -= 1
    if node.isLeaf { return node.entries.removeLast() }
    let last = node.children.count - 1
    let entry = Self.removeLast(from: node.ownChild(last))
    Self.refill(last, of: node)
    return entry
  }

  /// Gives a child that has too few entries one of its neighbour's, or joins the two.
  private static func refill(_ index: Int, of node: Node) {
    let least = Self.capacity / 2
    guard node.children[index].entries.count < least else { return }
    let child = node.ownChild(index)
    if index > 0, node.children[index - 1].entries.count > least {
      let left = node.ownChild(index - 1)
      child.entries.insert(node.entries[index - 1], at: 0)
      node.entries[index - 1] = left.entries.removeLast()
      if !left.isLeaf { child.children.insert(left.children.removeLast(), at: 0) }
      left.recount()
      child.recount()
    } else if index + 1 < node.children.count, node.children[index + 1].entries.count > least {
      let right = node.ownChild(index + 1)
      child.entries.append(node.entries[index])
      node.entries[index] = right.entries.removeFirst()
      if !right.isLeaf { child.children.append(right.children.removeFirst()) }
      right.recount()
      child.recount()
    } else {
      let place = index > 0 ? index - 1 : index
      let left = node.ownChild(place)
      let right = node.children.remove(at: place + 1)
      left.entries.append(node.entries.remove(at: place))
      left.entries += right.entries
      left.children += right.children
      left.recount()
    }
  }
}

// Each change goes through `own`, which copies a node that anyone else holds, as an array does with its storage. So what
// two copies share is never written, on whatever threads they are.
extension OrderedMap: @unchecked Sendable where Key: Sendable, Value: Sendable {}
