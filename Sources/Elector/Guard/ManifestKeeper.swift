import NIOPosix

/// One of the manifests that a guard owns.
public struct ManifestGuard: Sendable {
  let link: GuardLink
  let manifest: UInt16

  /// - Parameter manifest: its number among those that the guard was started with.
  public init(link: GuardLink, manifest: UInt16 = 0) {
    self.link = link
    self.manifest = manifest
  }

  func ask(_ kind: GuardRequest.Kind) async throws -> GuardAnswer.Result {
    try await self.link.ask(kind, manifest: self.manifest)
  }

  func ask(
    _ kind: GuardRequest.Kind, until limit: ContinuousClock.Instant
  ) async throws -> GuardAnswer.Result? {
    try await self.link.ask(kind, manifest: self.manifest, until: limit)
  }
}

/// Puts the manifest where the kubelet finds it and takes it away: by itself, or through the guard.
struct ManifestKeeper: Sendable {
  let file: ManifestFile
  /// `nil` without a guard.
  let guarded: ManifestGuard?

  /// Makes the destination absent.
  ///
  /// It does so by itself, since a guard that is stopped must not delay it; then the guard is asked,
  /// which does it after all that it was asked for before. In a cancelled task there is neither the
  /// pool nor an answer: it is done here and now.
  func remove() async throws {
    if Task.isCancelled {
      try self.file.remove()
      return
    }
    let ours: Result<Void, any Error>
    do {
      ours = .success(try await Self.blocking { [file] in try file.remove() })
    } catch {
      ours = .failure(error)
    }
    if let guarded {
      do {
        if case .failed(let reason, let isUntouched) = try await guarded.ask(.remove) {
          throw Failure(description: reason, leavesDestination: isUntouched)
        }
        return
      } catch is GuardLost {
        // It cannot put anything there any more.
      }
    }
    try ours.get()
  }

  /// Makes the destination the source's copy, for not longer than until then.
  /// - Throws: ``Failure``; ``GuardLost``, after which it may be there or not.
  func install(
    term: UInt64, before end: ContinuousClock.Instant
  ) async throws -> ManifestFile.Installation {
    guard let guarded else {
      return try await Self.failing { [file] () throws(ManifestError) in
        try file.install(term: term, until: end) { ContinuousClock.now < end }
      }
    }
    let content = try await Self.failing { [file] () throws(ManifestError) in
      try file.content(term: term, until: end)
    }
    guard let content else { return .tooLate }
    let request = GuardRequest.Kind.install(until: BootInstant(end), content: content.bytes)
    switch try await guarded.ask(request, until: end) {
    case .done:
      self.file.note(installed: content)
      return content.installation
    case .tooLate: return .tooLate
    case .failed(let reason, let isUntouched):
      if !isUntouched { self.file.note(installed: content) }
      throw Failure(description: reason, leavesDestination: isUntouched)
    // It may have been there for a moment, and a pod with it.
    case nil:
      self.file.note(installed: content)
      throw Failure(
        description: "the guard did not answer before the lease's end", leavesDestination: false)
    }
  }

  /// Installs, and says what came of it.
  func installation(
    term: UInt64, before end: ContinuousClock.Instant
  ) async -> ElectionInstallation {
    do {
      switch try await self.install(term: term, before: end) {
      case .installed: return .installed
      case .kept(let error): return .kept(reason: error.description)
      case .tooLate: return .tooLate
      }
    } catch is GuardLost {
      // Its pod may run already: this is no failure after which the lease may go at once.
      return .lost
    } catch let failure as Failure {
      return .failed(reason: failure.description, isUntouched: failure.leavesDestination)
    } catch {
      return .failed(reason: "\(error)", isUntouched: false)
    }
  }

  /// Tells the guard until when what is installed may stay. The answer shows that the guard lives, and
  /// nobody has to wait for it.
  func extend(to end: ContinuousClock.Instant) async {
    _ = try? await self.guarded?.ask(.extend(until: BootInstant(end)))
  }

  private static func blocking<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(work)
  }

  private static func failing<Value: Sendable>(
    _ work: @escaping @Sendable () throws(ManifestError) -> Value
  ) async throws -> Value {
    do {
      return try await Self.blocking(work)
    } catch let error as ManifestError {
      throw Failure(
        description: error.description, leavesDestination: error.leavesDestination)
    }
  }

  /// Why the manifest could not be installed or removed, whoever tried.
  struct Failure: Error, Equatable, CustomStringConvertible {
    var description: String
    /// Whether the destination is for sure what it was before.
    var leavesDestination: Bool
  }
}
