import Foundation
import TestSupport
import Testing

@testable import KVStore

/// Compactions of a store in which nothing was compacted before. The shared scenarios cannot know whether it is so.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct FirstCompactionTests {
  private enum Step: Sendable {
    /// With the answer's status and code.
    case compact(Int64, Int, Int64)
    case put
    /// What the metrics say was compacted.
    case known(Int64)
  }

  /// What etcd 3.4.23 answers: at first its compacted revision is -1, so that 0 can be compacted once.
  private static let conversations: [[Step]] = [
    [
      .known(-1), .compact(-1, 400, 11), .compact(-7, 400, 11), .compact(2, 400, 11),
      .compact(0, 200, 0), .known(0), .compact(0, 400, 11), .compact(-1, 400, 11),
      .compact(1, 200, 0), .compact(1, 400, 11), .known(1),
    ],
    [
      .put, .compact(0, 200, 0), .compact(0, 400, 11), .compact(2, 200, 0), .compact(0, 400, 11),
      .compact(3, 400, 11), .known(2),
    ],
    [.put, .compact(1, 200, 0), .compact(0, 400, 11), .compact(-1, 400, 11), .known(1)],
  ]

  @Test(arguments: conversations.indices) func kvstoreAnswersAsRecorded(number: Int) async throws {
    try await withRunningServer { server in
      let port = try #require(URL(string: server.urls[0])?.port)
      try await Self.play(Self.conversations[number], port: port)
    }
  }

  @Test(.enabled(if: RealEtcd.program != nil), arguments: conversations.indices)
  func theRecordingIsTrue(number: Int) async throws {
    try await RealEtcd.with {
      try await Self.play(Self.conversations[number], port: $0.endpoint.port)
    }
  }

  @Test func aRestartKeepsIt() async throws {
    try await withTemporaryDirectory { directory in
      for steps: [Step] in [
        [.known(-1)], [.known(-1), .compact(0, 200, 0)], [.known(0), .compact(0, 400, 11)],
      ] {
        try await withRunningServer(.directory(directory)) { server in
          let port = try #require(URL(string: server.urls[0])?.port)
          try await Self.play(steps, port: port)
        }
      }
    }
  }

  private static func play(_ steps: [Step], port: Int) async throws {
    let http = TestClient(base: "http://127.0.0.1:\(port)")
    func call(_ path: String, _ body: String) async throws -> GatewayClient.Answer {
      try await onThreadOfItsOwn { try GatewayClient(port: port).call(path, body) }
    }
    for (number, step) in steps.enumerated() {
      switch step {
      case .put: _ = try await call("/kv/put", #"{"key":"YQ==","value":"YQ=="}"#)
      case .compact(let revision, let status, let code):
        let answer = try await call("/kv/compaction", #"{"revision":"\#(revision)"}"#)
        #expect(answer.status == status, "step \(number): \(answer)")
        #expect(answer.body.number64("code") == code, "step \(number): \(answer)")
      case .known(let revision):
        let lines = try await http.send(.GET, "/metrics").text.split(separator: "\n")
        #expect(
          lines.contains("etcd_debugging_mvcc_compact_revision \(revision)"), "step \(number)")
      }
    }
  }
}
