import FoundationEssentials
import NIOHTTP1
import TestCluster

/// An API server on a kvstore, and requests to it.
struct MeasuredAPIServer: Sendable {
  let url: String
  let requests: Requests
  let process: MeasuredProcess
  let store: MeasuredProcess

  /// How long a request may take.
  private static let patience = Duration.seconds(120)

  var pods: String { "\(self.url)/api/v1/namespaces/\(SampleObjects.namespace)/pods" }

  /// - Throws: `RequestError` when the answer is no success.
  @discardableResult
  func ask(
    _ url: String, method: HTTPMethod = .GET, accept: String? = nil, json: String? = nil
  ) async throws -> Data {
    let (status, body) = try await self.requests.data(
      url, method: method, accept: accept, json: json, within: Self.patience)
    guard (200..<300).contains(status) else {
      throw RequestError.status(status, String(decoding: body, as: UTF8.self))
    }
    return body
  }

  /// The text of a member of a list's metadata, which comes first; `nil` when it has none.
  static func text(of member: String, in list: Data) -> String? {
    let head = String(decoding: list.prefix(1024), as: UTF8.self)
    guard let range = head.firstRange(of: "\"\(member)\":\"") else { return nil }
    return String(head[range.upperBound...].prefix { $0 != "\"" })
  }

  /// Creates pods, each with its status, over 16 connections.
  func fill(_ numbers: Range<Int>, nodes: Int) async throws {
    let lanes = 16
    try await withThrowingTaskGroup(of: Void.self) { group in
      for lane in 0..<lanes {
        group.addTask {
          for number in numbers where number % lanes == lane {
            try await self.ask(
              self.pods, method: .POST, json: SampleObjects.pod(number, node: number % nodes))
            try await self.update(number, restarts: 0)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Updates a pod's status; another number of restarts makes a change that every watcher sees.
  func update(_ pod: Int, restarts: Int) async throws {
    try await self.ask(
      "\(self.pods)/\(SampleObjects.podName(pod))/status", method: .PUT,
      json: SampleObjects.status(ofPod: pod, restarts: restarts))
  }
}
