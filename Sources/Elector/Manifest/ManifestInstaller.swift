import Synchronization

/// Installs and removes a manifest, by itself or through the guard, in the steps of ``ManifestChange``.
struct ManifestInstaller: Sendable {
  let file: ManifestFile
  /// `nil` without a guard.
  let guarded: GuardedManifest?
  private let disk: ManifestDisk
  private let trial = DiskTrial()

  /// - Parameter patience: how long one piece of the disk's work is waited for.
  init(file: ManifestFile, guarded: GuardedManifest?, patience: Duration = .seconds(5)) {
    self.file = file
    self.guarded = guarded
    self.disk = ManifestDisk(patience: patience)
  }

  /// Removes the destination.
  ///
  /// A cancelled task can use neither the thread pool nor the guard, so it removes the file itself.
  func remove() async throws {
    if Task.isCancelled {
      try self.file.remove()
      return
    }
    if case .removal(let failure?) = await self.carryOut(
      .removal(isGuarded: self.guarded != nil), term: 0, before: .now)
    {
      throw RemovalFailure(description: failure)
    }
  }

  /// Installs the source's copy, unless it is later than `end`.
  func install(term: UInt64, before end: ContinuousClock.Instant) async -> ElectionInstallation {
    guard
      case .installation(let installation) = await self.carryOut(
        .installation(isGuarded: self.guarded != nil, isThere: self.file.isInstalled), term: term,
        before: end)
    else { preconditionFailure("an installation ends as a removal") }
    return installation
  }

  /// What was installed has ended, and no process installs again.
  func settle() async {
    _ = await self.disk.run { [file] () throws(ManifestError) in file.mark(mayHavePod: false) }
  }

  /// Carries out a change, step by step.
  private func carryOut(
    _ change: ManifestChange, term: UInt64, before end: ContinuousClock.Instant
  ) async -> ManifestChange.Result {
    var change = change
    var content: ManifestFile.Content?
    var step = change.first
    while true {
      switch step {
      case .removeFile:
        let removed = await self.disk.run { [file] () throws(ManifestError) in try file.remove() }
        let failure: String? =
          if case .failure(let failure) = removed { failure.reason } else { nil }
        step = change.removedFile(failure: failure)
      case .tryDisk: step = change.triedDisk(failure: await self.tryDisk())
      case .makeContent:
        let made: Result<ManifestFile.Content?, ManifestFailure> = await self.disk.run {
          [file] () throws(ManifestError) in
          let content = try file.content(term: term, until: end)
          if content != nil { file.mark(mayHavePod: true) }
          return content
        }
        if case .failure(let failure) = made, failure.hangs {
          step = change.sourceHangs(failure.reason)
          continue
        }
        content = (try? made.get()) ?? nil
        step = change.made(
          made.map { $0 != nil }.answer, keptBecause: content?.failure?.description)
      case .placeContent:
        step = change.answered(.answered(await self.place(content, before: end)))
      case .askGuard:
        let kind = content.map {
          GuardRequest.Kind.install(
            until: BootInstant(end), content: $0.file, before: $0.before)
        }
        let answer = await self.guarded?.ask(kind ?? .remove, until: kind.map { _ in end })
        step = change.answered(answer ?? .lost(.closed))
      case .end(let result, let mayBeThere):
        if mayBeThere, let content { self.file.note(installed: content) }
        return result
      }
    }
  }

  private func place(
    _ content: ManifestFile.Content?, before end: ContinuousClock.Instant
  ) async -> GuardAnswer.Result {
    guard let content else { return .tooLate }
    let placed = await self.disk.run { [file] () throws(ManifestError) in
      try file.place.install(content.file) {
        ContinuousClock.now < end && content.before.map { .now < $0 } ?? true
      }
    }
    return placed.answer
  }

  /// Gives the guard a later end. Its answer shows that the guard lives; the election does not wait for it.
  func extend(to end: ContinuousClock.Instant) async {
    _ = await self.guarded?.ask(.extend(until: BootInstant(end)))
  }

  /// - Returns: why a removal would most likely fail.
  private func tryDisk() async -> String? {
    let now = ContinuousClock.now
    guard self.trial.isDue(at: now) else { return nil }
    let result = await self.disk.run { [file] () throws(ManifestError) in try file.place.tryDisk() }
    guard case .failure(let failure) = result else {
      self.trial.succeeded(at: now)
      return nil
    }
    return failure.reason
  }
}

/// When the disk took a trial last: each costs a sync.
private final class DiskTrial: Sendable {
  private static let period = Duration.seconds(5)
  private let last = Mutex<ContinuousClock.Instant?>(nil)

  func isDue(at now: ContinuousClock.Instant) -> Bool {
    self.last.withLock { $0 }.map { now - $0 >= Self.period } ?? true
  }

  func succeeded(at now: ContinuousClock.Instant) { self.last.withLock { $0 = now } }
}

/// Why neither the elector nor the guard could remove the manifest.
private struct RemovalFailure: Error, CustomStringConvertible {
  var description: String
}

extension Result where Success == Bool, Failure == ManifestFailure {
  /// `false` is too late.
  fileprivate var answer: GuardAnswer.Result {
    switch self {
    case .success(let isDone): isDone ? .done : .tooLate
    case .failure(let failure): .failed(reason: failure.reason, isUntouched: failure.isUntouched)
    }
  }
}
