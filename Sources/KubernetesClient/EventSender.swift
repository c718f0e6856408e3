import FoundationEssentials

/// Writes what an ``EventRecorder`` says to the API servers. Nobody waits for it.
public final class EventSender: Sendable {
  private let servers: APIServers
  private let recorder: Guarded<EventRecorder>
  private let news: AsyncStream<Void>
  private let inbox: AsyncStream<Void>.Continuation

  public init(_ servers: APIServers, component: String, host: String) {
    self.servers = servers
    self.recorder = Guarded(EventRecorder(component: component, host: host))
    (self.news, self.inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Notes an event that happens at this moment.
  public func record(_ note: EventNote, about subject: EventSubject) {
    self.recorder.change { $0.record(note, about: subject, at: .now) }
    self.inbox.yield()
  }

  /// Writes until the task is cancelled.
  public func run() async {
    for await _ in self.news {
      while !Task.isCancelled, let (key, request, count) = self.recorder.value.next {
        var failure: APIServerError?
        do throws(APIServerError) {
          try await self.servers.send(request)
        } catch {
          failure = error
        }
        self.recorder.change { [failure] in
          $0.sent(key, count: count, error: failure, at: .now)
        }
      }
    }
  }
}
