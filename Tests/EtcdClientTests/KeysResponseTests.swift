import JSONText
import Testing

@testable import EtcdClient

@Suite struct KeysResponseTests {
  private func event(_ text: String) throws -> KeysResponse {
    try KeysResponse(parsing: Array(text.utf8), etcdIndex: 0, clusterID: nil)
  }

  @Test func anAnswerWithAllThatThereIs() throws {
    let event = try self.event(
      #"""
      {"action":"set","node":{"key":"/a","value":"{\"x\":\"ä\"}","expiration":"2026-01-02T03:04:05Z","ttl":-1,
      "modifiedIndex":18446744073709551615,"createdIndex":7,"new":[{}]},"prevNode":{"key":"/a","value":"",
      "modifiedIndex":6,"createdIndex":6},"new":{"a":null}}
      """#)
    #expect(event.action == "set")
    #expect(
      event.node
        == Node(
          key: "/a", value: #"{"x":"ä"}"#, createdIndex: 7, modifiedIndex: .max, ttl: -1,
          expiration: "2026-01-02T03:04:05Z"))
    #expect(event.prevNode == Node(key: "/a", value: "", createdIndex: 6, modifiedIndex: 6))
  }

  @Test func aDirectoryWithAllBelow() throws {
    let event = try self.event(
      #"{"action":"get","node":{"dir":true,"nodes":[{"key":"/d","dir":true,"nodes":[{"key":"/d/a","value":"1","modifiedIndex":3,"createdIndex":3}],"modifiedIndex":2,"createdIndex":2},{"key":"/e","dir":true}]}}"#
    )
    #expect(
      event.node
        == Node(
          key: "", dir: true,
          nodes: [
            Node(
              key: "/d", dir: true, createdIndex: 2, modifiedIndex: 2,
              nodes: [Node(key: "/d/a", value: "1", createdIndex: 3, modifiedIndex: 3)]),
            Node(key: "/e", dir: true),
          ]))
    #expect(event.prevNode == nil)
  }

  @Test(arguments: [
    #"{"action":"get","node":{}}"#,
    #"{"action":"get","node":{"key":null,"value":null,"dir":null,"ttl":null,"nodes":null,"createdIndex":null},"prevNode":null}"#,
  ])
  func whatIsNullIsNotThere(_ text: String) throws {
    #expect(try self.event(text).node == Node(key: ""))
  }

  @Test(arguments: [
    "", "[]", "{}", #"{"action":"get"}"#, #"{"node":{}}"#, #"{"action":null,"node":{}}"#,
    #"{"action":"get","node":null}"#, #"{"action":"get","node":[]}"#,
    #"{"action":"get","node":{"value":1}}"#, #"{"action":"get","node":{"dir":"true"}}"#,
    #"{"action":"get","node":{"modifiedIndex":-1}}"#, #"{"action":"get","node":{"ttl":1.5}}"#,
    #"{"action":"get","node":{"nodes":{}}}"#, #"{"action":"get","node":{}} more"#,
    #"{"action":"get","node":{},"prevNode":7}"#, #"{"action":"get","node":{}"#,
  ])
  func anythingElseIsNone(_ text: String) {
    #expect(throws: JSONError.self) { try self.event(text) }
  }
}
