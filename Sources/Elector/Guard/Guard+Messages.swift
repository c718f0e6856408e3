extension Guard {
  /// A fact. ``Effect/install(_:)`` and ``Effect/remove(manifest:_:request:)`` are answered by one each,
  /// before anything else is handed in.
  public enum Event: Equatable, Sendable {
    /// The very first event, and then whenever the alarm rang; early or twice does no harm.
    case woke
    case requested(GuardRequest)
    case installed(GuardRequest, GuardAnswer.Result)
    case removed(manifest: Int, request: UInt32?, RemovalResult)
    /// The elector has closed its end, so it says nothing more. What it said before and was not looked
    /// at yet is to be dropped.
    case hungUp
    case spokeNonsense(GuardProtocolError)
    case notStarted(reason: String)
    case electorEnded(ElectorEnd)
    /// Another guard has the lock on this manifest's place.
    case placeTaken(manifest: Int, by: String)
    /// Another configuration is to be used, with so many manifests. Only its shell knows what is in it.
    case reconfigured(manifests: Int)
    /// Somebody wants us to end.
    case signal(Int32)
  }

  /// What is to be done, in this order.
  public enum Effect: Equatable, Sendable {
    /// Answered by `notStarted` if it fails.
    case startElector
    case install(GuardRequest)
    /// `request` is the elector's, if it asked for it.
    case remove(manifest: Int, Removal, request: UInt32?)
    case answer(GuardAnswer)
    case signalElector(Int32)
    case killElector
    /// The latest configuration counts from now on. No elector runs, and nothing that we put there is left.
    case useConfiguration
    /// Ring at this instant, instead of any earlier alarm.
    case wake(at: BootInstant?)
    case report(Report)
    /// Nothing follows.
    case finish(code: Int32)
  }

  public enum Removal: Equatable, Sendable {
    /// Whatever is there.
    case anything
    /// Only the file that we put there.
    case own
  }

  public enum RemovalResult: Equatable, Sendable {
    case absent(wasThere: Bool)
    case failed(reason: String)
  }

  /// Why something was removed that nobody asked to be removed.
  public enum RemovalReason: Equatable, Sendable {
    case deadline, electorGone
  }

  /// What a person may want to know.
  public enum Report: Equatable, Sendable {
    case removed(_ manifest: Int, RemovalReason)
    /// An installation came after its deadline.
    case refused(manifest: Int)
    case placeTaken(manifest: Int, by: String)
    case cannotRemove(reason: String)
    /// The same at the very end.
    case left(reason: String)
    case electorEnded(ElectorEnd, restartIn: Duration)
    case notStarted(reason: String, retryIn: Duration)
    case nonsense(GuardProtocolError)
  }
}

extension Guard.Effect {
  /// The manifest that is changed.
  var manifest: Int? {
    switch self {
    case .install(let request): Int(request.manifest)
    case .remove(let index, _, _): index
    case .startElector, .answer, .signalElector, .killElector, .useConfiguration, .wake, .report,
      .finish:
      nil
    }
  }
}

/// How an elector ended.
public enum ElectorEnd: Equatable, Sendable, CustomStringConvertible {
  case code(Int32)
  case signal(Int32)

  /// As a shell has it.
  var exitCode: Int32 {
    switch self {
    case .code(let code): code
    case .signal(let number): 128 + number
    }
  }

  public var description: String {
    switch self {
    case .code(let code): "it ended with exit code \(code)"
    case .signal(let number): "it was ended by signal \(number)"
    }
  }
}
