import Testing

@testable import KVStore

@Suite struct StorePathTests {
  @Test(arguments: [
    ("", "/"), ("/", "/"), ("//", "/"), ("/a", "/a"), ("/a/", "/a"), ("//a//b//", "/a/b"),
    ("a/b", "/a/b"),
  ])
  func isCleaned(given: String, expected: String) {
    #expect(StorePath(given).description == expected)
  }

  @Test func lineageLeadsDownFromTheRoot() {
    #expect(StorePath("/a/b/c").lineage.map(\.description) == ["/", "/a", "/a/b", "/a/b/c"])
    #expect(StorePath("/").lineage.map(\.description) == ["/"])
  }

  @Test(arguments: [
    ("/a/b", "/a", true), ("/a", "/", true), ("/ab", "/a", false), ("/a", "/a", false),
    ("/", "/", false), ("/a", "/a/b", false),
  ])
  func isBelow(path: String, other: String, expected: Bool) {
    #expect(StorePath(path).isBelow(StorePath(other)) == expected)
  }
}
