import HTTPEndpoint
import Synchronization
import TestSupport
import Testing

@testable import EtcdClient

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StandstillTests {
  private static let endpoint = EtcdEndpoint.refusing

  /// Two answers: the server's seconds between them, ours from the first sending to the second arrival, and what
  /// was lost.
  @Test(
    arguments: [
      (0, 0.0, nil), (5, 5, nil), (6, 5, nil), (7, 5, 1.0), (60, 0.5, 58.5), (60, 60.2, nil),
      (3, 600, nil),
      (-3600, 1, nil),
    ] as [(Int64, Double, Double?)])
  func whatHasPassedThereAndNotHereIsLost(_ there: Int64, _ here: Double, _ lost: Double?) {
    var standstill = Standstill()
    func at(_ seconds: Double) -> Duration { .milliseconds(Int64(seconds * 1000)) }
    let first = standstill.heard(
      from: Self.endpoint, date: 1_000_000, sent: at(10), received: at(10))
    #expect(first == nil)
    let second = standstill.heard(
      from: Self.endpoint, date: 1_000_000 + there, sent: at(10 + here), received: at(10 + here))
    #expect(second == lost.map(at))
    #expect(standstill.total == lost.map(at) ?? .zero)
  }

  /// The first answer may have been long under way.
  @Test func slowAnswersAreNoPause() {
    var standstill = Standstill()
    _ = standstill.heard(from: Self.endpoint, date: 100, sent: .seconds(0), received: .seconds(9))
    let next = standstill.heard(
      from: Self.endpoint, date: 109, sent: .seconds(9), received: .seconds(9))
    #expect(next == nil && standstill.total == .zero)
  }

  @Test func eachServerHasItsOwnClock() throws {
    var standstill = Standstill()
    let other = try EtcdEndpoint("http://127.0.0.1:4001")
    _ = standstill.heard(from: Self.endpoint, date: 100, sent: .zero, received: .zero)
    let first = standstill.heard(from: other, date: 900, sent: .seconds(1), received: .seconds(1))
    #expect(first == nil)
  }

  @Test(
    arguments: [
      ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Mon, 30 Nov 2026 09:44:51 GMT", 1_796_031_891),
      ("Tue, 29 Feb 2028 23:59:59 GMT", 1_835_481_599),
      ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
      ("", nil), ("soon", nil), ("Mon, 30 Nov 2026 09:44 GMT", nil),
      ("Mon, 30 Abc 2026 09:44:51 GMT", nil), ("Mon, 30 Nov 2026 09:44:51 CET", nil),
    ] as [(String, Int64?)])
  func aDateIsRead(_ text: String, _ seconds: Int64?) {
    #expect(Standstill.date(text) == seconds)
  }

  /// Over HTTP, from a server whose clock is a minute on at its third answer.
  @Test func theFirstAnswerAfterAPauseTells() async throws {
    let count = Mutex(0)
    try await ScriptedServer.with({ _ in
      let number = count.withLock { count -> Int in
        count += 1
        return count
      }
      let minute = number < 3 ? "44" : "45"
      return .answer(
        200,
        ["X-Etcd-Index": "7", "Date": "Mon, 30 Nov 2026 09:\(minute):51 GMT"],
        #"{"action":"get","node":{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}}"#)
    }) { server in
      let notices = Mutex<[EtcdNotice]>([])
      let client = EtcdClient(
        endpoints: [try EtcdEndpoint(server.url)], timeout: .seconds(20),
        notice: { notice in notices.withLock { $0.append(notice) } })
      try await client.run { (client: EtcdClient) async throws -> Void in
        for _ in 0..<2 { _ = try await client.get("k") }
        #expect(client.transport.timeStoodStill == .zero)
        _ = try await client.get("k")
        #expect(client.transport.timeStoodStill > .seconds(30))
        guard case .stoodStill(let duration)? = notices.withLock(\.last) else {
          throw TestFailure("it is not told")
        }
        #expect(duration <= .seconds(59))
      }
    }
  }
}
