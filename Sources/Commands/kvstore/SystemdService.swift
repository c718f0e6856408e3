import KVStore
import Linux
import ServiceLifecycle

/// Reports to systemd: readiness, and a sign of life each time that the writer has taken a turn.
///
/// A server whose writer hangs looks well to readers, and no lease can be renewed: the watchdog ends it.
struct SystemdService: Service {
  let systemd: SystemdNotifier
  let server: KVStoreServer

  func run() async throws {
    self.systemd.send(
      .ready, .status("listening on \(self.server.urls.joined(separator: ", "))"))
    guard let watchdog = self.systemd.watchdog else { return try await gracefulShutdown() }
    await cancelWhenGracefulShutdown {
      while (try? await Task.sleep(for: watchdog / 3)) != nil {
        await self.server.writerTurn()
        self.systemd.send(.alive)
      }
    }
  }
}
