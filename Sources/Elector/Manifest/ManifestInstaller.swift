import NIOPosix

/// Installs and removes a manifest, by itself or through the guard, in the steps of ``ManifestChange``.
struct ManifestInstaller: Sendable {
  let file: ManifestFile
  /// `nil` without a guard.
  let guarded: GuardedManifest?

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
        .installation(isGuarded: self.guarded != nil), term: term, before: end)
    else { preconditionFailure("an installation ends as a removal") }
    return installation
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
        let failure = await Self.failure { [file] () throws(ManifestError) in try file.remove() }
        step = change.removedFile(failure: failure?.reason)
      case .makeContent:
        let made: Result<ManifestFile.Content?, ManifestFailure> = await Self.blocking {
          [file] () throws(ManifestError) in try file.content(term: term, until: end)
        }
        content = (try? made.get()) ?? nil
        step = change.made(made.content)
      case .placeContent:
        step = change.answered(.answered(await self.place(content, before: end)))
      case .askGuard:
        let kind = content.map {
          GuardRequest.Kind.install(until: BootInstant(end), content: $0.bytes)
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
    let placed = await Self.blocking { [file] () throws(ManifestError) in
      try file.place.install(content.bytes) { ContinuousClock.now < end }
    }
    switch placed {
    case .success(let isInstalled): return isInstalled ? .done : .tooLate
    case .failure(let failure):
      return .failed(reason: failure.reason, isUntouched: failure.isUntouched)
    }
  }

  /// Gives the guard a later end. Its answer shows that the guard lives; the election does not wait for it.
  func extend(to end: ContinuousClock.Instant) async {
    _ = await self.guarded?.ask(.extend(until: BootInstant(end)))
  }

  private static func failure(
    _ work: @escaping @Sendable () throws(ManifestError) -> Void
  ) async -> ManifestFailure? {
    if case .failure(let failure) = await Self.blocking(work) { failure } else { nil }
  }

  private static func blocking<Value: Sendable>(
    _ work: @escaping @Sendable () throws(ManifestError) -> Value
  ) async -> Result<Value, ManifestFailure> {
    do {
      return .success(try await NIOThreadPool.singleton.runIfActive(work))
    } catch let error as ManifestError {
      return .failure(
        ManifestFailure(reason: error.description, isUntouched: error.leavesDestination))
    } catch {
      return .failure(ManifestFailure(reason: "\(error)", isUntouched: false))
    }
  }
}

/// Why a manifest's file could not be made, installed or removed.
private struct ManifestFailure: Error {
  var reason: String
  /// Whether the destination surely has not changed.
  var isUntouched: Bool
}

/// Why neither the elector nor the guard could remove the manifest.
private struct RemovalFailure: Error, CustomStringConvertible {
  var description: String
}

extension Result where Success == ManifestFile.Content?, Failure == ManifestFailure {
  /// For ``ManifestChange``.
  fileprivate var content: ManifestChange.Content {
    switch self {
    case .success(let content?): .made(keptBecause: content.failure?.description)
    case .success(nil): .tooLate
    case .failure(let failure): .failed(reason: failure.reason, isUntouched: failure.isUntouched)
    }
  }
}
