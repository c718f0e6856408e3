import TestCluster

extension KVStoreBenchmarkRun {
  /// How long it takes until the last of many watchers of one key has its answer, in milliseconds.
  ///
  /// Both figures are medians of several writes.
  func fanOut(
    _ watchers: Int, _ server: Server
  ) async throws -> (fromAnswer: Double, fromSending: Double) {
    let writes = watchers > 1000 ? 3 : 10
    let key = "\(Keys.watched)all"
    let keys = [String](repeating: key, count: watchers)
    return try await LongPolls.with(keys: keys, port: server.port) { polls in
      try await Connection.with(port: server.port) { writer in
        var fromAnswer: [Double] = []
        var fromSending: [Double] = []
        for _ in 0..<writes {
          let armed = try await polls.arm(0..<watchers)
          // The rest of the arming is not part of the write.
          try await Task.sleep(for: .milliseconds(50))
          let write = try await writer.succeed(Request(.PUT, key, form: "value=\(Keys.value)"))
          let last = try await armed.ends().map(\.answeredAt).max() ?? write.answeredAt
          fromAnswer.append(max(0, (last - write.answeredAt) / .milliseconds(1)))
          fromSending.append((last - write.sentAt) / .milliseconds(1))
        }
        return (Distribution(fromAnswer)?.median ?? 0, Distribution(fromSending)?.median ?? 0)
      }
    }
  }

  /// The server's CPU for one write and for the one watcher of its key, of many watchers, which then waits
  /// again; in microseconds.
  func costPerWrite(watchedKeys: Int, _ server: Server) async throws -> Double {
    let keys = (0..<watchedKeys).map { "\(Keys.watched)\($0)" }
    return try await LongPolls.with(keys: keys, port: server.port) { polls in
      try await Connection.with(port: server.port) { writer in
        // These wait all the time.
        if watchedKeys > 1 { try await polls.arm(1..<watchedKeys) }
        let end = ContinuousClock.now + .seconds(self.seconds)
        let before = try server.process.usage()
        var writes = 0
        repeat {
          let armed = try await polls.arm(0..<1)
          try await writer.succeed(Request(.PUT, keys[0], form: "value=\(Keys.value)"))
          _ = try await armed.ends()
          writes += 1
        } while ContinuousClock.now < end
        return (try server.process.usage().cpuSeconds - before.cpuSeconds) * 1e6 / Double(writes)
      }
    }
  }

  /// How much later than its time to live each of many keys expires, in milliseconds, as the watcher
  /// of the key sees it.
  func lateness(ofExpiriesAt server: Server) async throws -> [Double] {
    let ttlSeconds = 5
    let keys = (0..<self.sizes.expiringKeys).map { "\(Keys.expiring)\($0)" }
    return try await LongPolls.with(keys: keys, port: server.port) { polls in
      let sentAt = try await Connection.with(port: server.port) { writer in
        var sentAt: [ContinuousClock.Instant] = []
        for key in keys {
          let request = Request(.PUT, key, form: "value=\(Keys.value)&ttl=\(ttlSeconds)")
          sentAt.append(try await writer.succeed(request).sentAt)
        }
        return sentAt
      }
      let armed = try await polls.arm(0..<keys.count)
      return zip(try await armed.ends(), sentAt).map { answer, sentAt in
        (answer.answeredAt - sentAt - .seconds(ttlSeconds)) / .milliseconds(1)
      }
    }
  }
}
