import FoundationEssentials

/// Writes events to the API servers as ``EventRecorder`` says. Callers of ``record(_:about:)`` do not wait.
public final class EventSender: Sendable {
  private let servers: APIServers
  private let recorder: LockedValue<EventRecorder>
  private let recorded: AsyncStream<Void>
  private let inbox: AsyncStream<Void>.Continuation

  /// - Parameters:
  ///   - servers: get the events.
  ///   - component: the program that reports the events, such as `kubelet`.
  ///   - host: its node; may be empty.
  public init(_ servers: APIServers, component: String, host: String) {
    self.servers = servers
    self.recorder = LockedValue(EventRecorder(component: component, host: host))
    (self.recorded, self.inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Records an event of this moment.
  public func record(_ note: EventNote, about subject: EventSubject) {
    self.recorder.withLock { $0.record(note, about: subject, at: .now) }
    self.inbox.yield()
  }

  /// Writes until the task is cancelled.
  public func run() async {
    for await _ in self.recorded {
      while !Task.isCancelled, let (key, request, count) = self.recorder.value.next {
        var failure: APIServerError?
        do throws(APIServerError) {
          try await self.servers.send(request)
        } catch {
          failure = error
        }
        self.recorder.withLock { [failure] in
          $0.sent(key, count: count, error: failure, at: .now)
        }
      }
    }
  }
}
