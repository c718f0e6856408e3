/// How far a check, a backup or a restore is.
public struct MaintenanceProgress: Equatable, Sendable {
  /// One way through the whole database.
  public enum Pass: String, Sendable {
    /// To the file of a backup, or to the data directory.
    case copying
    /// SQLite's own check, which does not say how far it is.
    case checking
    /// All rows, with their checksums.
    case reading
    /// The log's changes and the new index.
    case finishing
  }

  /// What it does now.
  public var pass: Pass
  /// Bytes while copying, and rows otherwise.
  public var done: Int
  /// 0 where nobody knows.
  public var total: Int
  /// The share of the whole time that this pass takes.
  public var share: ClosedRange<Double>
}

/// The passes of one command, in their order.
final class MaintenanceWork {
  private let passes: [MaintenanceProgress.Pass]
  private let report: (MaintenanceProgress) -> Void
  private var begun = 0
  private var now: MaintenanceProgress?

  init(
    _ passes: [MaintenanceProgress.Pass], _ report: @escaping (MaintenanceProgress) -> Void
  ) {
    self.passes = passes
    self.report = report
  }

  /// All passes begin again, since a server was writing meanwhile.
  func restart() { self.begun = 0 }

  /// The next pass begins.
  func begin(of total: Int = 0) {
    let index = self.begun
    self.begun += 1
    let weights = self.passes.map(\.weight)
    let (before, all) = (weights[..<index].reduce(0, +), weights.reduce(0, +))
    self.send(
      MaintenanceProgress(
        pass: self.passes[index], done: 0, total: total,
        share: before / all...(before + weights[index]) / all))
  }

  func advance(by count: Int) {
    guard var now = self.now else { return }
    now.done = min(now.total, now.done + count)
    self.send(now)
  }

  private func send(_ progress: MaintenanceProgress) {
    self.now = progress
    self.report(progress)
  }
}

extension MaintenanceProgress.Pass {
  /// How long it takes beside the others, as measured with a million keys.
  fileprivate var weight: Double {
    switch self {
    case .copying: 1
    case .checking: 2
    case .reading: 6
    case .finishing: 6
    }
  }
}
