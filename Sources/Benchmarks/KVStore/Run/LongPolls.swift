/// Writes the keys `many/1` to `many/COUNT`, each once, over at most 128 connections.
package func fill(_ count: Int, port: Int) async throws {
  try await Connection.with(min(128, count), port: port) { connections in
    try await withThrowingTaskGroup { group in
      for (lane, connection) in connections.enumerated() {
        group.addTask {
          for key in stride(from: lane + 1, through: count, by: connections.count) {
            let target = "\(Keys.many)\(key)"
            try await connection.succeed(Request(.PUT, target, form: "value=\(Keys.value)"))
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

/// Long polls for one event each.
package struct LongPolls: Sendable {
  private let keys: [String]
  private let connections: [Connection]

  /// Opens a connection for each key, and closes them after the body.
  package static func with<Result: Sendable>(
    keys: [String], port: Int, _ body: (LongPolls) async throws -> Result
  ) async throws -> Result {
    try await Connection.with(keys.count, port: port) {
      try await body(LongPolls(keys: keys, connections: $0))
    }
  }

  /// Makes these watchers wait; on return the server has sent each of them a head.
  /// - Parameter indices: not empty; none that waits already.
  /// - Returns: their answers to come, in the order of the keys.
  @discardableResult
  package func arm(_ indices: Range<Int>) async throws -> [Connection.Pending] {
    let polls = indices.map {
      self.connections[$0].send(Request(.GET, self.keys[$0] + "?wait=true"))
    }
    try await polls.heads()
    return polls
  }
}
