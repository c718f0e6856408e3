/// What an ``OrderedMap`` keeps.
protocol OrderedElement {
  associatedtype OrderKey: Comparable
  var orderKey: OrderKey { get }
}

/// A map that keeps its keys in order, as a persistent value: a copy costs nothing, and a change copies only the nodes
/// on the way to the key, and only when a copy shares them.
///
/// It is a B-tree. The standard library and swift-collections have no ordered map whose copies share their parts. An
/// element has its key in it: to copy a node costs one counted reference for each element that is an object, and each may
/// be far away in memory.
struct OrderedMap<Element: OrderedElement> {
  /// A node has at most so many elements, and, unless it is the root or was split at the end of the map, at least half as
  /// many. One that was split at the end of the map has one less: 36 elements of 8 or of 24 bytes, with an array's head,
  /// fill a block of jemalloc's.
  static var capacity: Int { 37 }

  typealias Key = Element.OrderKey

  fileprivate final class Node {
    var elements: [Element]
    /// One more than elements; none in a leaf.
    var children: [Node]
    /// How many elements are in here and below.
    var count: Int

    init(elements: [Element] = [], children: [Node] = []) {
      self.elements = elements
      self.children = children
      self.count = 0
      self.recount()
    }

    /// A copy that may be changed.
    init(copying node: Node) {
      self.elements = node.elements
      self.children = node.children
      self.count = node.count
    }

    var isLeaf: Bool { self.children.isEmpty }

    /// The first key that is not less than this one, and whether it is this one.
    func place(of key: Key) -> (index: Int, isFound: Bool) {
      // The buffer counts no references while it is looked at.
      self.elements.withUnsafeBufferPointer { elements in
        var (low, high) = (0, elements.count)
        while low < high {
          let middle = (low + high) / 2
          if elements[middle].orderKey < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < elements.count && elements[low].orderKey == key)
      }
    }

    func recount() {
      self.count = self.elements.count + self.children.reduce(0) { $0 + $1.count }
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

  subscript(key: Key) -> Element? {
    var node = self.root
    while true {
      let (index, isFound) = node.place(of: key)
      if isFound { return node.elements[index] }
      guard !node.isLeaf else { return nil }
      node = node.children[index]
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

  /// The element with the least key.
  var first: Element? {
    var node = self.root
    while let child = node.children.first { node = child }
    return node.elements.first
  }

  /// The element with the greatest key.
  var last: Element? {
    var node = self.root
    while let child = node.children.last { node = child }
    return node.elements.last
  }

  /// In their order.
  var elements: [Element] {
    var elements: [Element] = []
    self.forEach {
      elements.append($0)
      return true
    }
    return elements
  }

  /// Calls the body with the elements in order until it says no.
  /// - Parameter start: the first key to be visited, if it is there; `nil` for all.
  func forEach<E: Error>(from start: Key? = nil, _ body: (Element) throws(E) -> Bool) throws(E) {
    _ = try Self.visit(self.root, start, body)
  }

  private static func visit<E: Error>(
    _ node: Node, _ start: Key?, _ body: (Element) throws(E) -> Bool
  ) throws(E) -> Bool {
    var index = 0
    var isFound = false
    if let start { (index, isFound) = node.place(of: start) }
    if !node.isLeaf, !isFound, try !Self.visit(node.children[index], start, body) { return false }
    while index < node.elements.count {
      guard try body(node.elements[index]) else { return false }
      index += 1
      if !node.isLeaf, try !Self.visit(node.children[index], nil, body) { return false }
    }
    return true
  }

  // MARK: Changes

  /// Takes the place of an element with the same key.
  mutating func insert(_ element: Element) {
    let root = Self.own(&self.root)
    guard let (middle, right) = Self.insert(element, into: root, isLast: true) else { return }
    self.root = Node(elements: [middle], children: [root, right])
  }

  /// - Parameters:
  ///   - node: one that nobody else holds.
  ///   - isLast: whether no node of its level is behind it.
  /// - Returns: the middle and the right part of a node that was full.
  private static func insert(
    _ element: Element, into node: Node, isLast: Bool
  ) -> (Element, Node)? {
    let (index, isFound) = node.place(of: element.orderKey)
    if isFound {
      node.elements[index] = element
      return nil
    }
    let isAtEnd = isLast && index == node.elements.count
    if node.isLeaf {
      node.elements.insert(element, at: index)
      node.count += 1
    } else {
      let child = node.ownChild(index)
      let before = child.count
      if let (middle, right) = Self.insert(element, into: child, isLast: isAtEnd) {
        node.elements.insert(middle, at: index)
        node.children.insert(right, at: index + 1)
        node.count += child.count + right.count + 1 - before
      } else {
        node.count += child.count - before
      }
    }
    guard node.elements.count > Self.capacity else { return nil }
    // What grows at its end leaves full nodes behind.
    let middle = isAtEnd ? node.elements.count - 2 : node.elements.count / 2
    let right = Node(
      elements: Array(node.elements[(middle + 1)...]),
      children: node.isLeaf ? [] : Array(node.children[(middle + 1)...]))
    let element = node.elements[middle]
    // A new array has no room that it does not need.
    node.elements = Array(node.elements[..<middle])
    if !node.isLeaf { node.children = Array(node.children[...middle]) }
    node.count -= right.count + 1
    return (element, right)
  }

  mutating func remove(_ key: Key) {
    let root = Self.own(&self.root)
    Self.remove(key, from: root)
    if root.elements.isEmpty, !root.isLeaf { self.root = root.children[0] }
  }

  /// - Parameter node: one that nobody else holds.
  private static func remove(_ key: Key, from node: Node) {
    let (index, isFound) = node.place(of: key)
    if node.isLeaf {
      guard isFound else { return }
      node.elements.remove(at: index)
      node.count -= 1
      return
    }
    let child = node.ownChild(index)
    let before = child.count
    if isFound {
      // The greatest element below takes its place.
      node.elements[index] = Self.removeLast(from: child)
    } else {
      Self.remove(key, from: child)
    }
    node.count -= before - child.count
    Self.refill(index, of: node)
  }

  private static func removeLast(from node: Node) -> Element {
    node.count -= 1
    if node.isLeaf { return node.elements.removeLast() }
    let last = node.children.count - 1
    let element = Self.removeLast(from: node.ownChild(last))
    Self.refill(last, of: node)
    return element
  }

  /// Gives a child that has too few elements one of its neighbour's, or joins the two.
  private static func refill(_ index: Int, of node: Node) {
    let least = Self.capacity / 2
    guard node.children[index].elements.count < least else { return }
    let child = node.ownChild(index)
    if index > 0, node.children[index - 1].elements.count > least {
      let left = node.ownChild(index - 1)
      child.elements.insert(node.elements[index - 1], at: 0)
      node.elements[index - 1] = left.elements.removeLast()
      if !left.isLeaf { child.children.insert(left.children.removeLast(), at: 0) }
      left.recount()
      child.recount()
    } else if index + 1 < node.children.count, node.children[index + 1].elements.count > least {
      let right = node.ownChild(index + 1)
      child.elements.append(node.elements[index])
      node.elements[index] = right.elements.removeFirst()
      if !right.isLeaf { child.children.append(right.children.removeFirst()) }
      right.recount()
      child.recount()
    } else {
      let place = index > 0 ? index - 1 : index
      let left = node.ownChild(place)
      let right = node.children.remove(at: place + 1)
      left.elements.append(node.elements.remove(at: place))
      left.elements += right.elements
      left.children += right.children
      left.recount()
    }
  }
}

// Unchecked, since nodes are objects with variables: each change goes through `own`, which copies a node that anyone else
// holds, as an array does with its storage. So what two copies share is never written, on whatever threads they are.
extension OrderedMap: @unchecked Sendable where Element: Sendable {}
