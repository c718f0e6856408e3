import NIOPosix
import Synchronization

/// Writes the keys `many/1` to `many/COUNT`, each once, over at most 128 connections.
package func fill(_ count: Int, port: Int) async throws {
  let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
  let written = Countdown(count, "keys to be written", within: .minutes(10), on: eventLoop)
  let last = Mutex(0)
  let next: @Sendable () -> Request? = {
    let key = last.withLock { last in
      last += 1
      return last
    }
    return key <= count
      ? Request(.PUT, "\(Keys.many)\(key)", form: "value=\(Keys.value)") : nil
  }
  let connections = try await Connections.open(min(128, count), port: port, on: eventLoop) {
    _, event, channel in
    switch event {
    case .head(let status):
      if status >= 300 { written.fail(BenchmarkError.refused(target: Keys.many, status: status)) }
    case .end:
      written.count()
      next()?.write(to: channel)
    case .closed: written.fail(BenchmarkError.connectionLost(port: port))
    }
  }
  for channel in connections.channels { next()?.write(to: channel) }
  let result: Result<Void, any Error>
  do { result = .success(try await written.wait()) } catch { result = .failure(error) }
  await connections.close()
  try result.get()
}
