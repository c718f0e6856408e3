import Testing

@testable import KVStore

extension KeyName {
  fileprivate init(_ text: String) { self.init(text.utf8) }
}

@Suite struct AuthRulesTests {
  private static let u = KeyName("u")

  /// Auth is on; `u` may read what the patterns say and write nothing, a guest neither.
  private func rules(read: [KeyPattern] = [], write: [KeyPattern] = [], guest: [KeyPattern] = [])
    -> AuthRules
  {
    AuthRules(
      isEnabled: true,
      users: [
        AuthUser(name: .root, passwordHash: "h", roles: []),
        AuthUser(name: Self.u, passwordHash: "h", roles: [KeyName("gone"), KeyName("r")]),
      ],
      roles: [
        AuthRole(name: KeyName("r"), permissions: Permissions(read: read, write: write)),
        AuthRole(name: .guest, permissions: Permissions(read: guest, write: nil)),
      ])
  }

  /// A pattern, a path as it was sent, and whether one may read it without and with `recursive=true`.
  @Test(
    arguments: [
      ("/a/*", "/a", false, false), ("/a/*", "/a/", true, true), ("/a/*", "/a/b/c", true, true),
      ("/a", "/a", true, false), ("/a", "/a/", false, false), ("/a", "/a/b", false, false),
      ("/a*", "/a", true, true), ("/a*", "/ab", true, true), ("/a*", "/b", false, false),
      ("/*", "", false, false), ("/*", "/", true, true), ("*", "", true, true),
      ("", "", false, false), ("", "/a", false, false), ("/a*b", "/a*b", true, false),
      ("/a*b", "/axb", false, false),
    ] as [(KeyPattern, String, Bool, Bool)])
  func aPatternStandsFor(pattern: KeyPattern, path: String, once: Bool, recursively: Bool) {
    let rules = self.rules(read: ["/other", pattern])
    let path = Array(path.utf8)[...]
    for (isRecursive, expected) in [(false, once), (true, recursively)] {
      func allows(_ requester: Requester, _ action: AuthRules.Action) -> Bool {
        rules.allows(requester, action, rawPath: path, isRecursive: isRecursive)
      }
      #expect(allows(.user(Self.u), .read) == expected)
      #expect(!allows(.user(Self.u), .write))
      #expect(allows(.user(.root), .read) && allows(.user(.root), .write))
      #expect(!allows(.guest, .read) && !allows(.unknown, .read))
      #expect(!allows(.user(KeyName("nobody")), .read))
    }
    let writing = self.rules(write: [pattern])
    #expect(
      writing.allows(.user(Self.u), .write, rawPath: path, isRecursive: true) == recursively)
    // A guest's recursion needs nothing more.
    let guests = self.rules(guest: [pattern])
    #expect(guests.allows(.guest, .read, rawPath: path, isRecursive: true) == once)
  }

  @Test func whileAuthIsOffEverybodyMayDoEverything() throws {
    var rules = self.rules()
    _ = try rules.apply(.disable)
    for requester in [Requester.guest, .unknown, .user(Self.u)] {
      #expect(rules.allows(requester, .write, rawPath: [], isRecursive: true))
      #expect(rules.isRoot(requester))
    }
  }

  @Test func onlyWhoHasTheRoleIsRoot() throws {
    var rules = self.rules()
    #expect(rules.isRoot(.user(.root)))
    for requester in [Requester.guest, .unknown, .user(Self.u), .user(KeyName("nobody"))] {
      #expect(!rules.isRoot(requester))
    }
    _ = try rules.apply(.putUser(.init(name: Self.u, grant: [.root])))
    #expect(rules.isRoot(.user(Self.u)))
  }

  @Test func theFirstTimeAGuestMayGoOn() throws {
    var rules = AuthRules(users: [AuthUser(name: .root, passwordHash: "h")])
    _ = try rules.apply(.enable)
    #expect(rules.allows(.guest, .write, rawPath: Array("/a".utf8)[...], isRecursive: false))
    _ = try rules.apply(.putRole(.init(name: .guest, revoke: .everything)))
    _ = try rules.apply(.disable)
    _ = try rules.apply(.enable)
    #expect(!rules.allows(.guest, .read, rawPath: Array("/a".utf8)[...], isRecursive: false))
  }

  private static let none = KeyName("none")

  /// A refused change, its reason, and the unchanged rules.
  @Test(
    arguments: [
      (.enable, .alreadyEnabled), (.deleteUser(.root), .rootUserIsNeeded),
      (.deleteUser(none), .noUserToDelete(none)), (.deleteRole(.root), .rootRole),
      (.deleteRole(none), .noRoleToDelete(none)), (.putUser(.init(name: u)), .userUnchanged),
      (.putUser(.init(name: none)), .emptyPassword(none)),
      (.putUser(.init(name: none, grant: [.root])), .noUser(none)),
      (.putUser(.init(name: u, passwordHash: "h", roles: [.root])), .userExists(u)),
      (.putUser(.init(name: u, roles: [.root], grant: [.guest])), .rolesAndGrants),
      (
        .putUser(.init(name: u, grant: [.guest, KeyName("r")])),
        .duplicateRole(KeyName("r"), user: u)
      ),
      (.putUser(.init(name: u, grant: [.guest], revoke: [none])), .ungrantedRole(none, user: u)),
      (.putUser(.init(name: u, grant: [.guest], revoke: [.guest])), .userUnchanged),
      (.putRole(.init(name: .root)), .rootRole),
      (.putRole(.init(name: .guest)), .roleExists(.guest)),
      (.putRole(.init(name: none, grant: .everything)), .noRole(none)),
      (
        .putRole(.init(name: .guest, permissions: .everything, grant: .everything)),
        .permissionsAndGrants
      ),
      (
        .putRole(.init(name: KeyName("r"), grant: Permissions(read: ["/x", "/x"]))),
        .duplicatePermission(.read, "/x")
      ),
      (
        .putRole(.init(name: KeyName("r"), grant: Permissions(write: ["/w"]))),
        .duplicatePermission(.write, "/w")
      ),
      (.putRole(.init(name: KeyName("r"), revoke: Permissions(read: ["/x"]))), .roleUnchanged),
    ] as [(AuthChange, AuthError)])
  func isRefused(_ change: AuthChange, _ error: AuthError) {
    let before = self.rules(write: ["/w"])
    var rules = before
    #expect(throws: error) { try rules.apply(change) }
    #expect(rules == before)
  }

  @Test func namesAreComparedByTheirBytes() throws {
    var rules = AuthRules()
    _ = try rules.apply(.putUser(.init(name: KeyName("\u{E9}"), passwordHash: "h")))
    #expect(rules.user(KeyName("e\u{301}")) == nil)
    #expect(KeyPattern("/\u{E9}") != KeyPattern("/e\u{301}"))
  }
}

@Suite struct PasswordTests {
  @Test func aPasswordIsRightForItsOwnHashAlone() throws {
    let hash = try #require(PasswordHash.make(Array("secret".utf8)))
    #expect(hash.hasPrefix("$2b$10$"))
    #expect(try #require(PasswordHash.make(Array("secret".utf8))) != hash)
    #expect(PasswordHash.isRight(Array("secret".utf8), for: hash))
    for wrong in ["", "Secret", "secret ", "secret\0", "secre"] {
      #expect(!PasswordHash.isRight(Array(wrong.utf8), for: hash), "\(wrong.debugDescription)")
    }
    #expect(!PasswordHash.isRight(Array("secret".utf8), for: "no hash at all"))
    #expect(!PasswordHash.isRight(Array("secret".utf8), for: ""))
  }

  /// libcrypt itself refuses one of this length.
  @Test func onlyTheFirst72BytesCount() throws {
    let long = [UInt8](repeating: 0x61, count: 2000)
    let hash = try #require(PasswordHash.make(long))
    #expect(PasswordHash.isRight(Array(long.prefix(72)), for: hash))
    #expect(!PasswordHash.isRight(Array(long.prefix(71)), for: hash))
  }

  @Test func whatWasVerifiedIsThatUsersPresentPasswordAndNoOther() {
    let verified = VerifiedPasswords()
    let (a, b) = (KeyName("a"), KeyName("b"))
    verified.insert([1, 2], of: a, hash: "h")
    #expect(verified.contains([1, 2], of: a, hash: "h"))
    #expect(!verified.contains([1, 3], of: a, hash: "h"))
    #expect(!verified.contains([1, 2, 0], of: a, hash: "h"))
    #expect(!verified.contains([1, 2], of: b, hash: "h"))
    #expect(!verified.contains([1, 2], of: a, hash: "another"))
    verified.keepOnly([a: AuthUser(name: a, passwordHash: "h")])
    #expect(verified.contains([1, 2], of: a, hash: "h"))
    verified.keepOnly([a: AuthUser(name: a, passwordHash: "another")])
    #expect(!verified.contains([1, 2], of: a, hash: "h"))
  }

  @Test(
    arguments: [
      ("Basic dTpw", "u", "p"), ("bAsIc dTpw", "u", "p"), ("Basic dTpwOnE=", "u", "p:q"),
      ("Basic Og==", "", ""), ("Basic dTo=", "u", ""), ("Basic dTpwcB==", "u", "pp"),
      ("Basic", nil, ""), ("Basic ", nil, ""), ("", nil, ""), ("Basic dQ==", nil, ""),
      ("Basic dTp", nil, ""), ("Basic  dTpw", nil, ""), ("Basic dTpw ", nil, ""),
      ("Basic dTpw=", nil, ""), ("Basic dTpw====", nil, ""), ("Basic dTp=cA==", nil, ""),
      ("Basic dQ=w", nil, ""), ("Basic dTpw\u{301}", nil, ""), ("Bearer dTpw", nil, ""),
      ("BasicdTpw", nil, ""),
    ] as [(String, String?, String)])
  func aHeaderIsReadAsGoReadsIt(header: String, user: String?, password: String) {
    let credentials = BasicCredentials(header)
    #expect(credentials?.user == user.map { KeyName($0) })
    if user != nil { #expect(credentials?.password == Array(password.utf8)) }
  }
}
