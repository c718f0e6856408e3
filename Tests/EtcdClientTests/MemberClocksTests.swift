import HTTPEndpoint
import TestSupport
import Testing

@testable import EtcdClient

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct MemberClocksTests {
  @Test(
    arguments: [
      ("1970-01-01T00:00:01Z", 1_000_000_000), ("1970-01-01T00:00:01.5Z", 1_500_000_000),
      ("1970-01-02T00:00:00.000000001Z", 86_400_000_000_001),
      ("1970-01-01T02:00:00.25+02:00", 250_000_000),
      ("2026-11-30T09:44:51.123456789Z", 1_796_031_891_123_456_789),
    ] as [(String, Int64)])
  func aTimeIsReadToTheNanosecond(_ text: String, _ nanoseconds: Int64) {
    #expect(MemberClocks.time(text) == .nanoseconds(nanoseconds))
  }

  @Test(arguments: ["", "soon", "2026-11-30", "1796031891"])
  func nonsenseIsNoTime(_ text: String) {
    #expect(MemberClocks.time(text) == nil)
  }

  private func reading(
    _ port: Int, _ clock: Double, sent: Double, received: Double
  ) throws -> MemberClocks.Reading {
    MemberClocks.Reading(
      try EtcdEndpoint("http://127.0.0.1:\(port)"), clock: .seconds(clock), sent: .seconds(sent),
      received: .seconds(received))
  }

  @Test func theDifferenceIsAsWideAsTheAnswersLeaveOpen() throws {
    var clocks = MemberClocks()
    (clocks.count, clocks.hasV2) = (2, true)
    #expect(clocks.widest == nil && clocks.counted == MemberClocks.least)
    clocks.add(try self.reading(1, 105, sent: 0, received: 1))
    #expect(clocks.widest == nil)
    clocks.add(try self.reading(2, 100, sent: 0, received: 0.5))
    #expect(clocks.widest == .seconds(5.5) && clocks.certain == .seconds(4))
    // A better reading takes the place of the first.
    clocks.add(try self.reading(1, 107, sent: 2, received: 2.25))
    clocks.add(try self.reading(1, 109, sent: 3, received: 5))
    #expect(clocks.widest == .seconds(5.5) && clocks.certain == .seconds(4.75))
    #expect(clocks.counted == .seconds(5.5))
    clocks.hasV2 = false
    #expect(clocks.counted == .zero)
  }

  @Test func withOneMemberNothingIsCounted() {
    var clocks = MemberClocks()
    clocks.hasV2 = true
    #expect(clocks.counted == .zero)
  }

  /// Members that stamp as they please.
  @Test func membersWhoseClocksAreFiveSecondsApartAreNoticed() async throws {
    func member(_ time: String) -> @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply {
      { request in
        request.method == "PUT"
          ? .json(
            #"""
            {"action":"set","node":{"key":"/_k.clock","value":"","modifiedIndex":7,"createdIndex":7,
            "ttl":60,"expiration":"\#(time)"}}
            """#)
          : .answer(404, [:], "404 page not found\n")
      }
    }
    try await ScriptedServer.with(member("2026-11-30T09:01:00.5Z")) {
      (first: ScriptedServer) async throws -> Void in
      try await ScriptedServer.with(member("2026-11-30T09:01:05.5Z")) {
        (second: ScriptedServer) async throws -> Void in
        let endpoints = try [first, second].map { try EtcdEndpoint($0.url) }
        try await EtcdClient.with(endpoints: endpoints + [.refusing]) {
          (client: EtcdClient) async throws -> Void in
          let clocks = await client.memberClocks(beside: "k", timeout: .seconds(20))
          let certain = try #require(clocks.certain)
          #expect(certain > .seconds(3) && certain < .seconds(7))
          #expect(clocks.counted >= certain)
          #expect(clocks.silent == [.refusing] && clocks.count == 3)
        }
      }
    }
  }

  @Test(.enabled(if: RealEtcd.program != nil, "there is no etcd: make deps"))
  func theMembersOfARealClusterAreCompared() async throws {
    try await RealEtcd.withCluster(of: 3) { (members: [RealEtcd]) async throws -> Void in
      try await EtcdClient.with(endpoints: members.map(\.endpoint)) {
        (client: EtcdClient) async throws -> Void in
        let clocks = await client.memberClocks(beside: "a/k", timeout: .seconds(30))
        #expect(clocks.count == 3 && clocks.silent.isEmpty)
        // One machine has one clock.
        #expect(try #require(clocks.certain) < .milliseconds(50))
        #expect(clocks.counted >= MemberClocks.least)
        #expect(try await client.get("a/_k.clock").node.ttl != nil)
      }
      // One that names one member only, of three.
      try await EtcdClient.with(endpoints: [members[0].endpoint]) {
        (client: EtcdClient) async throws -> Void in
        let clocks = await client.memberClocks(beside: "k", timeout: .seconds(30))
        #expect(clocks.count == 3 && clocks.counted == MemberClocks.least)
      }
    }
  }
}
