import GRDB
import TestSupport
import Testing

@testable import KVStore

/// The users and roles of v3, by themselves and over a restart. Their texts are judged by the recorded scenarios.
@Suite struct AccessRulesTests {
  private static func range(_ key: String, _ end: String = "") -> KeyRange {
    KeyRange(RevisionKey(key.utf8), end: RevisionKey(end.utf8))
  }

  private static func rules(
    _ permissions: [(String, String, AccessRules.Permission.Kind)]
  ) throws -> AccessRules {
    var rules = AccessRules()
    try rules.apply(.addUser("u", passwordHash: "h"))
    for (number, permission) in permissions.enumerated() {
      try rules.apply(.addRole("r\(number)"))
      try rules.apply(.grantRole("r\(number)", to: "u"))
      try rules.apply(
        .grantPermission(
          .init(
            key: Array(permission.0.utf8), end: Array(permission.1.utf8), kind: permission.2),
          to: "r\(number)"))
    }
    return rules
  }

  @Test func rangesThatTouchAreOne() throws {
    let rules = try Self.rules([("a", "c", .read), ("c", "e", .readWrite), ("x", "", .write)])
    #expect(rules.allows("u", .read, Self.range("b", "d")))
    #expect(!rules.allows("u", .read, Self.range("b", "f")))
    #expect(!rules.allows("u", .write, Self.range("b", "d")))
    #expect(rules.allows("u", .write, Self.range("c", "e")))
    #expect(rules.allows("u", .write, Self.range("x")))
    #expect(!rules.allows("u", .read, Self.range("x")))
    #expect(!rules.allows("u", .write, Self.range("x", "y")))
    #expect(!rules.allows("nobody", .read, Self.range("a")))
  }

  @Test func aZeroByteIsNoEnd() throws {
    let rules = try Self.rules([("m", "\0", .read)])
    #expect(rules.allows("u", .read, Self.range("n", "\0")))
    #expect(rules.allows("u", .read, Self.range("z", "zz")))
    #expect(!rules.allows("u", .read, Self.range("a", "\0")))
  }

  @Test func aChangeThatFailsChangesNothing() throws {
    var rules = try Self.rules([("a", "", .read)])
    let before = rules
    #expect(throws: RPCStatus.roleNotFound) { try rules.apply(.grantRole("none", to: "u")) }
    #expect(throws: RPCStatus.userExists) { try rules.apply(.addUser("u", passwordHash: nil)) }
    #expect(throws: RPCStatus.rootUserNotExist) { try rules.apply(.enable) }
    #expect(rules == before)
  }

  /// Rules and alarms are there after a restart, and a row that was changed by hand is refused.
  @Test func theyAreOnDisk() async throws {
    try await withTemporaryDirectory { directory in
      let rules = try Self.rules([("a", "c", .read), ("\u{1}", "\0", .readWrite)])
      let (database, _) = try KVStore.Database.open(.directory(directory))
      try database.commit(rules)
      try database.commit([Alarms.Alarm.noSpace])
      try database.close()
      let (again, recovered) = try KVStore.Database.open(.directory(directory))
      #expect(recovered.access == rules)
      #expect(recovered.alarms == [.noSpace])
      try again.close()
      try await DatabaseQueue(path: directory + "/" + KVStore.Database.fileName).write {
        try $0.execute(sql: "UPDATE v3_roles SET kind = 'write' WHERE key = 'a'")
      }
      #expect(throws: StartError.self) { try KVStore.Database.open(.directory(directory)) }
    }
  }

  @Test func aTokenEndsWithItsTimeAndWithItsUser() {
    var tokens = AccessTokens()
    let start = StoreTime(nanoseconds: 0)
    let token = tokens.add(for: "u", letters: "abc", now: start)
    let other = tokens.add(for: "v", letters: "abc", now: start)
    #expect(token != other)
    #expect(tokens.user(of: token, now: start.advanced(bySeconds: 299)) == "u")
    // Its use has prolonged it.
    #expect(tokens.user(of: token, now: start.advanced(bySeconds: 500)) == "u")
    #expect(tokens.user(of: other, now: start.advanced(bySeconds: 500)) == nil)
    tokens.removeAll(of: "u")
    #expect(tokens.user(of: token, now: start.advanced(bySeconds: 501)) == nil)
  }
}
