import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// The rules of the keyspace, with plain values: no clock, no disk, no socket.
@Suite struct KeyTreeTests {
  private let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  private func tree(_ commands: Command...) throws -> KeyTree {
    var tree = KeyTree()
    for command in commands { _ = try tree.apply(command, now: self.now) }
    return tree
  }

  private func refusal(_ command: Command, on tree: KeyTree) -> StoreError? {
    var tree = tree
    do {
      _ = try tree.apply(command, now: self.now)
      return nil
    } catch {
      return error
    }
  }

  @Test func theIndexGoesUpByOneForEachChangeAndForNothingElse() throws {
    var tree = KeyTree(index: 41)
    let deep = StorePath("/a/b/c/d")
    #expect(try tree.apply(.set(deep, "1"), now: self.now)?.event.index == 42)
    #expect(throws: StoreError.self) { try tree.apply(.create(deep, "2"), now: self.now) }
    #expect(try tree.apply(.expire(deep, deadline: self.now), now: self.now) == nil)
    #expect(tree.index == 42)
    let change = try tree.apply(
      .delete(StorePath("/a"), isDirectory: false, isRecursive: true), now: self.now)
    #expect(change?.event.index == 43)
    let removed = try #require(change?.removed)
    var paths = ["/a"]
    removed.forEach(below: StorePath("/a")) { path, _ in paths.append(path.description) }
    #expect(paths == ["/a", "/a/b", "/a/b/c", "/a/b/c/d"])
    #expect(removed.tally == TreeNode.Tally(nodes: 4))
    #expect(tree.tally == TreeNode.Tally())
  }

  @Test func aSnapshotDoesNotChange() throws {
    var tree = try self.tree(.set(StorePath("/a/k"), "old"))
    let snapshot = tree
    _ = try tree.apply(.set(StorePath("/a/k"), "new"), now: self.now)
    _ = try tree.apply(.set(StorePath("/b"), "new"), now: self.now)
    #expect(try snapshot.node(at: StorePath("/a/k")).value == Array("old".utf8))
    #expect(throws: StoreError.self) { try snapshot.node(at: StorePath("/b")) }
    #expect(try tree.node(at: StorePath("/a/k")).value == Array("new".utf8))
  }

  @Test func setReplacesTheNodeAndUpdateKeepsIt() throws {
    var tree = try self.tree(.set(StorePath("/k"), "1"))
    let updated = try #require(try tree.apply(.update(StorePath("/k"), "2"), now: self.now)).event
    #expect((updated.node.createdIndex, updated.node.modifiedIndex) == (1, 2))
    let set = try #require(try tree.apply(.set(StorePath("/k"), "3"), now: self.now)).event
    #expect((set.node.createdIndex, set.node.modifiedIndex) == (3, 3))
    #expect(set.prevNode?.value == Array("2".utf8))
    #expect(!set.isCreation)
  }

  static let refusals: [(Command, StoreError.Code, String)] = [
    (.create(StorePath("/k"), "2"), .alreadyExists, "/k"),
    (.create(StorePath("/k/below"), "2"), .notADirectory, "/k"),
    (.set(StorePath("/d"), "2"), .notAFile, "/d"),
    (.set(StorePath("/"), "2"), .rootIsReadOnly, "/"),
    (.update(StorePath("/none"), "2"), .keyNotFound, "/none"),
    (.update(StorePath("/d"), "2"), .notAFile, "/d"),
    (.update(StorePath("/none/deeper"), "2"), .keyNotFound, "/none"),
    (
      .compareAndSwap(StorePath("/k"), .init(value: Array("x".utf8)), "2"), .compareFailed,
      "[x != 1]"
    ),
    (.compareAndSwap(StorePath("/k"), .init(index: 7), "2"), .compareFailed, "[7 != 1]"),
    (
      .compareAndSwap(StorePath("/k"), .init(value: Array("x".utf8), index: 7), "2"),
      .compareFailed, "[x != 1] [7 != 1]"
    ),
    (.compareAndDelete(StorePath("/k"), .init(index: 7)), .compareFailed, "[7 != 1]"),
    (.compareAndDelete(StorePath("/d"), .init(index: 2)), .notAFile, "/d"),
    (.delete(StorePath("/d"), isDirectory: false, isRecursive: false), .notAFile, "/d"),
    (.delete(StorePath("/d"), isDirectory: true, isRecursive: false), .directoryNotEmpty, "/d"),
    (.delete(StorePath("/"), isDirectory: true, isRecursive: true), .rootIsReadOnly, "/"),
    (.delete(StorePath("/none"), isDirectory: false, isRecursive: false), .keyNotFound, "/none"),
    (.createInOrder(StorePath("/k"), "2"), .notADirectory, "/k"),
    (.set(StorePath("/none"), .init(isRefresh: true)), .keyNotFound, "/none"),
  ]

  @Test(arguments: Self.refusals)
  func refuses(command: Command, code: StoreError.Code, cause: String) throws {
    let tree = try self.tree(.set(StorePath("/k"), "1"), .set(StorePath("/d/x"), "1"))
    #expect(self.refusal(command, on: tree) == StoreError(code, cause: cause, index: 2))
  }

  @Test func aRefusedCommandLeavesNoTrace() throws {
    var tree = try self.tree(.set(StorePath("/k"), "1"))
    #expect(throws: StoreError.self) {
      try tree.apply(.set(StorePath("/k/new/dirs"), "2"), now: self.now)
    }
    var paths: [String] = []
    tree.forEach { path, _ in paths.append(path.description) }
    #expect(paths == ["/k"])
  }

  @Test func inOrderKeysAreTheIndexInTwentyDigits() throws {
    var tree = try self.tree(.set(StorePath("/k"), "1"))
    let change = try tree.apply(.createInOrder(StorePath("/q"), "job"), now: self.now)
    #expect(change?.event.node.path == StorePath("/q/00000000000000000002"))
    #expect(change?.madeDirectories.map(\.description) == ["/q"])
  }

  @Test func hiddenNamesAreNotListedButCanBeRead() throws {
    let tree = try self.tree(.set(StorePath("/d/_h"), "1"), .set(StorePath("/d/v"), "2"))
    let event = try tree.get(
      StorePath("/d"), isRecursive: true, isSorted: true, now: self.now)
    #expect(event.node.children.map(\.path.description) == ["/d/v"])
    #expect(try tree.node(at: StorePath("/d/_h")).value == Array("1".utf8))
  }

  @Test func namesAreComparedAsBytes() throws {
    // é as one code point and as two: the same text to Unicode, two keys to etcd.
    let tree = try self.tree(.set(StorePath("/\u{E9}"), "1"), .set(StorePath("/e\u{301}"), "2"))
    #expect(try tree.node(at: StorePath("/\u{E9}")).value == Array("1".utf8))
    #expect(try tree.node(at: StorePath("/e\u{301}")).value == Array("2".utf8))
  }

  @Test func anExpiryOfAnOlderDeadlineDoesNothing() throws {
    let (old, new) = (self.now.advanced(bySeconds: 1), self.now.advanced(bySeconds: 9))
    var tree = try self.tree(
      .set(StorePath("/k"), .init(deadline: old)), .update(StorePath("/k"), .init(deadline: new)))
    #expect(try tree.apply(.expire(StorePath("/k"), deadline: old), now: old) == nil)
    #expect(tree.tally.expiring == 1)
    let change = try tree.apply(.expire(StorePath("/k"), deadline: new), now: new)
    #expect(change?.event.action == .expire)
    #expect(tree.tally.expiring == 0)
  }

  @Test func aRefreshKeepsTheValue() throws {
    var tree = try self.tree(.set(StorePath("/k"), "kept"))
    let new = Command.NewNode(deadline: self.now.advanced(bySeconds: 5), isRefresh: true)
    let event = try #require(try tree.apply(.update(StorePath("/k"), new), now: self.now)).event
    #expect(event.isRefresh)
    #expect(event.node.value == Array("kept".utf8))
    #expect(event.node.ttl == 5)
  }

  @Test(arguments: [(1, 1), (999_999_999, 1), (1_000_000_000, 1), (1_000_000_001, 2), (0, 0)])
  func remainingTimeIsRoundedUp(nanoseconds: Int64, seconds: Int64) {
    let deadline = StoreTime(nanoseconds: self.now.nanoseconds + nanoseconds)
    #expect(deadline.remainingSeconds(at: self.now) == seconds)
  }

  /// Random commands against a plain dictionary of keys: the tree answers as that does.
  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
  func agreesWithAPlainModel(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var tree = KeyTree()
    var model: [String: String] = [:]
    for step in 0..<4000 {
      let key =
        "/\(["a", "b", "c"].randomElement(using: &random)!)/\(Int.random(in: 0..<8, using: &random))"
      let path = StorePath(key)
      let value = "v\(step)"
      let before = tree.index
      var succeeded = true
      do {
        switch Int.random(in: 0..<5, using: &random) {
        case 0:
          _ = try tree.apply(.set(path, .init(value: Array(value.utf8))), now: self.now)
          model[key] = value
        case 1:
          let command = Command.create(path, .init(value: Array(value.utf8)))
          _ = try tree.apply(command, now: self.now)
          #expect(model.updateValue(value, forKey: key) == nil)
        case 2:
          let guess = "v\(step - Int.random(in: 1...20, using: &random))"
          let condition = Command.Condition(value: Array(guess.utf8))
          _ = try tree.apply(
            .compareAndSwap(path, condition, .init(value: Array(value.utf8))), now: self.now)
          #expect(model.updateValue(value, forKey: key) == guess)
        case 3:
          _ = try tree.apply(
            .delete(path, isDirectory: false, isRecursive: false), now: self.now)
          #expect(model.removeValue(forKey: key) != nil)
        default:
          let directory = StorePath(String(key.prefix(2)))
          _ = try tree.apply(
            .delete(directory, isDirectory: true, isRecursive: true), now: self.now)
          model = model.filter { !$0.key.hasPrefix(key.prefix(3)) }
        }
      } catch {
        succeeded = false
      }
      #expect(tree.index == before + (succeeded ? 1 : 0))
    }
    var found: [String: String] = [:]
    tree.forEach { path, node in
      if !node.isDirectory { found[path.description] = String(decoding: node.value, as: UTF8.self) }
    }
    #expect(found == model)
  }
}

extension Command.NewNode: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) {
    self.init(value: Array(value.utf8))
  }
}
