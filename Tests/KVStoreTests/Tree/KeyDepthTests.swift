import Foundation
import GRDB
import NIOCore
import TestSupport
import Testing

@testable import KVStore

/// Keys with as many components as there may be, and with more.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct KeyDepthTests {
  private static func key(_ depth: Int, name: String = "a") -> String {
    String(repeating: "/" + name, count: depth)
  }

  private let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  @Test(arguments: [("/", 0), ("/a", 1), ("/a/bc/d", 3)])
  func theComponentsAreCounted(path: String, depth: Int) {
    #expect(StorePath(path).depth == depth)
    #expect(StorePath(path).names.count == depth)
  }

  @Test func aKeyThatIsTooDeepIsRefusedAndUsesNoIndex() throws {
    var tree = KeyTree()
    let deepest = StorePath(Self.key(StorePath.maxDepth))
    let tooDeep = StorePath(Self.key(StorePath.maxDepth + 1))
    _ = try tree.apply(.set(deepest, .init(isDirectory: true)), now: self.now)
    for command: Command in [
      .set(tooDeep, "x"), .create(tooDeep, "x"), .createInOrder(deepest, "x"),
      .set(tooDeep, .init(isDirectory: true)),
    ] {
      let error = #expect(throws: StoreError.self) { try tree.apply(command, now: self.now) }
      #expect(error?.code == .invalidField)
      #expect(error?.index == 1)
      #expect(
        error.map { String(decoding: $0.cause, as: UTF8.self) }
          == "a key has at most 250 components, this one has 251")
    }
    #expect(tree.index == 1)
  }

  /// All that walks the tree, on a stack of an eighth of what Linux gives a thread.
  @Test func theDeepestKeyNeedsNoLargeStack() async throws {
    let now = self.now
    let done = try await withCheckedThrowingContinuation { continuation in
      let thread = Thread {
        continuation.resume(with: Swift.Result { try Self.walk(now) })
      }
      thread.stackSize = 1 << 20
      thread.start()
    }
    #expect(done.depth == StorePath.maxDepth)
    #expect(done.removed == StorePath.maxDepth + 1)
  }

  private static func walk(_ now: StoreTime) throws -> (depth: Int, removed: Int) {
    let deepest = StorePath(self.key(StorePath.maxDepth))
    var tree = KeyTree()
    let change = try tree.apply(
      .set(deepest, .init(value: [0x31], deadline: now.advanced(bySeconds: 5))), now: now)
    _ = try tree.apply(.set(StorePath("/a/b"), "2"), now: now)
    // A copy that is changed shares the rest; a start puts all of it back, node by node.
    var copy = tree
    _ = try copy.apply(.update(deepest, "3"), now: now)
    var restored = KeyTree(index: 2)
    for path in try #require(change).madeDirectories + [deepest] {
      let isBack = restored.restore(try tree.node(at: path).withoutChildren, at: path)
      #expect(isBack)
    }
    #expect(ExpiryQueue(tree).count == 1)
    let event = try tree.get(.root, isRecursive: true, isSorted: true, now: now)
    let depth = String(buffer: event.json).components(separatedBy: "\"nodes\":[").count - 1
    let removal = try tree.apply(
      .delete(StorePath("/a"), isDirectory: true, isRecursive: true), now: now)
    return (depth, Int(try #require(removal?.removed).tally.nodes))
  }

  @Test func theDeepestKeySurvivesARestartAndARemovalOverTheWire() async throws {
    try await withTemporaryDirectory { directory in
      let deepest = Self.key(StorePath.maxDepth)
      try await withServer(.directory(directory)) { client in
        #expect(try await client.put(deepest, "value=1&ttl=1000").status == 201)
        let tooDeep = Self.key(StorePath.maxDepth + 1, name: "b")
        let refused = try await client.put(tooDeep, "value=1")
        #expect(refused.status == 400)
        #expect(refused.errorCode == 209)
        // As many components as fit into a head: a recursion would be as deep.
        let longest = Self.key(30_000, name: "b")
        #expect(try await client.put(longest, "value=1").errorCode == 209)
        #expect(try await client.get(longest).errorCode == 100)
        let removal = try await client.send(.DELETE, "/v2/keys\(longest)?recursive=true")
        #expect(removal.errorCode == 100)
      }
      try await withServer(.directory(directory)) { client in
        let watch = try await client.watch("\(deepest)?wait=true")
        // Foundation's JSON goes no deeper than 512.
        let all = try await client.get("/?recursive=true&sorted=true")
        #expect(all.node?["nodes"] != nil)
        #expect(try await client.get(deepest).value == "1")
        let removal = try await client.send(.DELETE, "/v2/keys/a?recursive=true")
        #expect(removal.index == 2)
        let event = String(buffer: try await watch.body.collect(upTo: 4096))
        #expect(event.contains(#""action":"delete""#))
      }
      try await withServer(.directory(directory)) { client in
        let gone = try await client.get("/a")
        #expect(gone.errorCode == 100)
      }
    }
  }

  @Test func aDatabaseWithADeeperKeyIsRefusedInWords() async throws {
    try await withTemporaryDirectory { directory in
      try await withServer(.directory(directory)) { client in
        _ = try await client.put(Self.key(StorePath.maxDepth), "dir=true")
      }
      let file = directory + "/kvstore.db"
      let tooDeep = Self.key(StorePath.maxDepth + 1)
      try await editTables(
        file, "INSERT INTO nodes VALUES (?, 0, 'x', 1, 1, NULL, 0)", arguments: [tooDeep])
      let error = await #expect(throws: StartError.self) {
        _ = try await KVStoreServer.start(.directory(directory))
      }
      #expect(error?.description.contains("a key has 251 components, 250 is the most") == true)
    }
  }
}
