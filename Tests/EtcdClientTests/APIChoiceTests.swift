import Glibc
import Synchronization
import TestSupport
import Testing

@testable import EtcdClient
@testable import HTTPEndpoint

/// The rule of the choice, case by case.
struct APIChoiceTests {
  private static let endpoint = EtcdEndpoint.refusing
  private static let silence = EtcdClientError.unanswered(
    endpoint: Self.endpoint, reason: "timed out")
  private static let noV3 = EtcdClientError.apiMissing(endpoint: Self.endpoint, .v3)
  private static let denial = EtcdClientError.denied(endpoint: Self.endpoint, reason: "no")

  /// What a member says, by a name: its v2 API (`+`, `-`, `?` for silence), then its record.
  private static func word(_ name: Substring) -> APIChoice.Word {
    let records: [Substring: APIChoice.Record] = [
      "v2": .found(.v2), "v3": .found(.v3), "none": .absent, "denied": .denied(Self.denial),
      "old": .missing(Self.noV3), "?": .silent(Self.silence),
    ]
    let hasV2: Result<Bool, EtcdClientError> =
      switch name.first {
      case "+": .success(true)
      case "-": .success(false)
      default: .failure(Self.silence)
      }
    return APIChoice.Word(
      endpoint: Self.endpoint, record: records[name.dropFirst()] ?? .silent(Self.silence),
      hasV2: hasV2)
  }

  private static let undecided = EtcdClientError.apiUndecided(
    endpoint: Self.endpoint, reason: Self.silence.description)

  static let cases: [(EtcdAPI?, String, APIChoice.Verdict)] = [
    // A record decides, whoever is silent.
    (nil, "-v3 ??", .use(.v3, records: false)),
    (nil, "?? -v2", .use(.v2, records: false)),
    (nil, "+v3", .use(.v3, records: false)),
    (.v3, "+v2", .fail(.otherAPI(key: "a/_lock.api", recorded: .v2, wanted: .v3))),
    (.v2, "+v3", .fail(.otherAPI(key: "a/_lock.api", recorded: .v3, wanted: .v2))),
    (.v3, "-v3 ??", .use(.v3, records: false)),
    // Without one, v2 needs one member that has it, and v3 the word of all.
    (nil, "-none +none", .use(.v2, records: true)),
    (nil, "?? +none", .use(.v2, records: true)),
    (nil, "-none -none", .use(.v3, records: true)),
    (nil, "-none ??", .fail(Self.undecided)),
    (nil, "?none", .fail(Self.undecided)),
    (nil, "?? ??", .fail(Self.undecided)),
    // A store that keeps no record.
    (nil, "+old", .use(.v2, records: false)),
    (nil, "?? +old", .use(.v2, records: false)),
    (nil, "-old", .fail(Self.noV3)),
    (nil, "+denied", .use(.v2, records: false)),
    (nil, "-denied", .use(.v3, records: false)),
    (nil, "-denied ??", .fail(Self.undecided)),
    // One that may keep one, but does not say.
    (nil, "+?", .fail(Self.silence)),
    (.v2, "+?", .fail(Self.silence)),
    (.v3, "-?", .fail(Self.silence)),
    // A name.
    (.v2, "+none", .use(.v2, records: true)),
    (.v2, "-none", .use(.v2, records: false)),
    (.v2, "?? +old", .use(.v2, records: false)),
    (.v3, "+none", .use(.v3, records: true)),
    (.v3, "?? -none", .use(.v3, records: true)),
    (.v3, "+old", .fail(Self.noV3)),
  ]

  @Test(arguments: Self.cases)
  func isMadeByTheRecordElseByEveryWord(
    _ wanted: EtcdAPI?, _ words: String, _ verdict: APIChoice.Verdict
  ) {
    let choice = APIChoice(key: "a/lock", wanted: wanted)
    let words = words.split(separator: " ").map(Self.word)
    #expect(choice.verdict(words) == verdict)
    // Whatever the others would say.
    guard choice.isCertain(words) else { return }
    for other in ["+none", "-none", "??", "+old", "-denied"] {
      #expect(choice.verdict(words + [Self.word(Substring(other))]) == verdict, "\(other)")
    }
  }
}

/// The choice among a store's APIs.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct EtcdAPITests {
  /// - Returns: the API in use, from its notice.
  @discardableResult
  private func choice(
    of api: EtcdAPI = .auto, at endpoints: [EtcdEndpoint], timeout: Duration = .seconds(20),
    retries: Bool = false
  ) async throws -> EtcdAPI? {
    let notices = Mutex<[EtcdNotice]>([])
    let client = EtcdClient(
      endpoints: endpoints, timeout: timeout, connectTimeout: .seconds(5)
    ) { notice in
      notices.withLock { $0.append(notice) }
    }
    let version = try await client.run { client in
      let options = LeaseOptions(key: "k", value: "me", ttlSeconds: 120, timeout: timeout)
      let key = EtcdLeasedKey(client: client, api: api, options: options)
      let end = ContinuousClock.now + .seconds(30)
      for _ in 0..<2 {
        while true {
          do throws(EtcdClientError) {
            #expect(try await key.perform(.read).fact == .absent)
            break
          } catch {
            if case .apiMissing = error { throw error }
            guard retries, ContinuousClock.now < end else { throw error }
          }
        }
      }
      return try await client.version().etcdserver
    }
    let used = notices.withLock { $0 }.compactMap {
      if case .usesAPI(let api, let told) = $0 {
        #expect(told == (api == .v3 ? version : nil))
        return api
      }
      return nil
    }
    #expect(used.count == 1)
    return used.first
  }

  private func expectOtherAPI(_ work: () async throws -> EtcdAPI?) async {
    let error = await #expect(throws: EtcdClientError.self) { try await work() }
    #expect("\(error, default: "")".hasPrefix("/_k.api records"))
  }

  @Test(arguments: TestStore.available) func v2WhereverItIs(_ store: TestStore) async throws {
    try await store.with { (both: EtcdEndpoint) async throws -> Void in
      let endpoints = [EtcdEndpoint.refusing, both]
      #expect(try await self.choice(at: endpoints) == .v2)
      #expect(try await self.choice(of: .v2, at: endpoints) == .v2)
      await self.expectOtherAPI { try await self.choice(of: .v3, at: endpoints) }
    }
  }

  @Test(arguments: TestStore.available) func aNameIsRecordedToo(_ store: TestStore) async throws {
    try await store.with { (both: EtcdEndpoint) async throws -> Void in
      #expect(try await self.choice(of: .v3, at: [both]) == .v3)
      #expect(try await self.choice(at: [both]) == .v3)
      await self.expectOtherAPI { try await self.choice(of: .v2, at: [both]) }
      // An operator's way from one to the other.
      try await EtcdClient.with(endpoints: [both]) {
        try await $0.overwrite("_k.api", with: "v2", by: .v3)
      }
      #expect(try await self.choice(at: [both]) == .v2)
      try await EtcdClient.with(endpoints: [both]) {
        try await $0.overwrite("_k.api", with: "v4", by: .v3)
      }
      let error = await #expect(throws: EtcdClientError.self) {
        try await self.choice(at: [both])
      }
      #expect("\(error, default: "")".contains("/_k.api"))
    }
  }

  @Test(.enabled(if: RealEtcd.program != nil, "there is no etcd: make deps"))
  func aNameThatNoServerServesIsNotRecorded() async throws {
    try await RealEtcd.with(.init(enableV2: false)) { (new: RealEtcd) async throws -> Void in
      let error = await #expect(throws: EtcdClientError.self) {
        try await self.choice(of: .v2, at: [new.endpoint])
      }
      #expect(error == .apiMissing(endpoint: new.endpoint, .v2))
      #expect(try await self.choice(at: [new.endpoint]) == .v3)
    }
  }

  /// Two electors that hear different members would lead in two APIs for ever.
  @Test(.enabled(if: RealEtcd.program != nil, "there is no etcd: make deps"))
  func aMemberThatIsSilentMayBeTheOneWithV2() async throws {
    try await RealEtcd.withCluster(of: 3, withV2: 1) { (members: [RealEtcd]) async throws -> Void in
      let endpoints = members.map(\.endpoint)
      kill(members[0].pid, SIGSTOP)
      let error = await #expect(throws: EtcdClientError.self) {
        try await self.choice(at: endpoints, timeout: .seconds(8))
      }
      #expect(
        "\(error, default: "")".hasPrefix("\(endpoints[0]) does not say whether it has the v2"))
      kill(members[0].pid, SIGCONT)
      #expect(try await self.choice(at: endpoints) == .v2)
      // Now it is recorded: the silence of the member with v2 does not make it v3.
      kill(members[0].pid, SIGKILL)
      let missing = await #expect(throws: EtcdClientError.self) {
        try await self.choice(at: endpoints, retries: true)
      }
      #expect("\(missing, default: "")".contains("has no v2 API"))
    }
  }

  @Test(.enabled(if: RealEtcd.program != nil, "there is no etcd: make deps"))
  func aDeadMemberBlocksNoRestart() async throws {
    try await RealEtcd.withCluster(of: 3, withV2: 0) { (members: [RealEtcd]) async throws -> Void in
      let endpoints = members.map(\.endpoint)
      #expect(try await self.choice(at: endpoints) == .v3)
      kill(members[0].pid, SIGKILL)
      // The others may have to agree on a leader first.
      #expect(try await self.choice(at: endpoints, retries: true) == .v3)
    }
  }

  @Test func autoDecidesNothingWithoutAnAnswer() async throws {
    let dead = EtcdEndpoint.refusing
    await #expect(throws: EtcdClientError.self) { try await self.choice(at: [dead, dead]) }
  }

  @Test(arguments: ["3.4.23", "3.6.0-rc.1", "4.0.0"])
  func v3IsThereSince34(_ version: String) {
    #expect(EtcdGateway.exists(in: version))
  }

  @Test(arguments: ["2.3.8", "3.0.17", "3.2.32", "3.3.27", "", "nonsense", "x.y"])
  func anOlderVersionHasNoV3(_ version: String) {
    #expect(!EtcdGateway.exists(in: version))
  }
}
