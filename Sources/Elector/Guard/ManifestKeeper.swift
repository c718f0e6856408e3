import NIOPosix

/// Puts the manifest where the kubelet finds it and takes it away: by itself, or through the guard.
struct ManifestKeeper: Sendable {
  let file: ManifestFile
  /// `nil` without a guard.
  let link: GuardLink?

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
    if let link {
      do {
        if case .failed(let reason) = try await link.ask(.remove) {
          throw Refusal(description: reason)
        }
        return
      } catch is GuardLost {
        // It cannot put anything there any more.
      }
    }
    try ours.get()
  }

  /// Makes the destination the source's copy, for not longer than until then.
  func install(
    before end: ContinuousClock.Instant
  ) async throws -> ManifestFile.Installation {
    guard let link else {
      return try await Self.blocking { [file] in
        try file.install { ContinuousClock.now < end }
      }
    }
    let content = try await Self.blocking { [file] in try file.content() }
    switch content {
    case .failure(let error): return .kept(error)
    case .success(let bytes):
      switch try await link.ask(.install(until: BootInstant(end), content: bytes), until: end) {
      case .done:
        self.file.note(installed: bytes)
        return .installed
      case .tooLate: return .tooLate
      case .failed(let reason): throw Refusal(description: reason)
      }
    }
  }

  /// Tells the guard until when what is installed may stay. The answer shows that the guard lives, and
  /// nobody has to wait for it.
  func extend(to end: ContinuousClock.Instant) async {
    _ = try? await self.link?.ask(.extend(until: BootInstant(end)))
  }

  private static func blocking<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(work)
  }

  /// What the guard said.
  private struct Refusal: Error, CustomStringConvertible {
    var description: String
  }
}
