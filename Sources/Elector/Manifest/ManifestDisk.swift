import NIOCore
import NIOPosix
import Synchronization

/// The disk's work for one manifest: one piece at a time, and none is waited for too long.
///
/// A disk that hangs keeps its thread for as long as it hangs. The election waits no longer than the patience,
/// and renews its lease meanwhile. The piece of work goes on; until it has ended, every other one fails at once.
/// So nothing that hung is carried out after something later.
final class ManifestDisk: Sendable {
  private let patience: Duration
  /// When the work under way began.
  private let since = Mutex<ContinuousClock.Instant?>(nil)

  /// Not the process's pool, which a disk that hangs would fill.
  private static let pool: NIOThreadPool = {
    let pool = NIOThreadPool(numberOfThreads: 4)
    pool.start()
    return pool
  }()

  /// - Parameter patience: how long the election waits for the disk.
  init(patience: Duration) {
    self.patience = patience
  }

  /// - Returns: what the work came to; a failure when it takes longer.
  func run<Value: Sendable>(
    _ work: @escaping @Sendable () throws(ManifestError) -> Value
  ) async -> Result<Value, ManifestFailure> {
    let begin = ContinuousClock.now
    if let since = self.claim(from: begin) { return .failure(.hangs(for: begin - since)) }
    let (results, sink) = AsyncStream.makeStream(of: Result<Value, ManifestFailure>.self)
    Self.pool.submit { _ in
      let result: Result<Value, ManifestFailure>
      do throws(ManifestError) {
        result = .success(try work())
      } catch {
        result = .failure(ManifestFailure(error))
      }
      self.since.withLock { $0 = nil }
      sink.yield(result)
    }
    let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
      in: TimeAmount(self.patience)
    ) { [patience] in
      _ = sink.yield(.failure(.hangs(for: patience)))
    }
    defer { timer.cancel() }
    for await result in results { return result }
    // The task was cancelled.
    return .failure(.hangs(for: ContinuousClock.now - begin))
  }

  /// - Returns: since when other work is under way.
  private func claim(from now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    self.since.withLock { since in
      defer { since = since ?? now }
      return since
    }
  }
}

/// Why a manifest's file could not be made, installed or removed.
struct ManifestFailure: Error {
  var reason: String
  /// Whether the destination surely has not changed.
  var isUntouched: Bool
  /// Whether the disk has not answered yet.
  var hangs = false

  init(_ error: ManifestError) {
    (self.reason, self.isUntouched) = (error.description, error.leavesDestination)
  }

  private init(reason: String) {
    (self.reason, self.isUntouched, self.hangs) = (reason, false, true)
  }

  static func hangs(for duration: Duration) -> Self {
    let seconds = (duration / .seconds(1) * 10).rounded() / 10
    return Self(reason: "the disk has not answered for \(seconds) s")
  }
}
