import Elector
import Linux
import ServiceLifecycle

/// Reports to systemd: readiness, a status line, the watchdog's sign of life, which it also wants during a stop.
///
/// An elector is ready when it takes part, also while the store does not answer: a machine must boot
/// without the store. It never says that it stops: to systemd that is the end of the service, and after a reload another
/// elector follows.
struct SystemdService: Service {
  let systemd: SystemdNotifier
  let boards: [ElectionBoard]

  func run() async throws {
    self.systemd.send(.ready, .status(self.summary))
    await cancelWhenGracefulShutdown {
      let pause = min(self.systemd.watchdog.map { $0 / 3 } ?? .seconds(5), .seconds(5))
      while (try? await Task.sleep(for: pause)) != nil {
        let looks = self.boards.map { $0.look() }
        if looks.allSatisfy({ $0.status.isTurning(at: $0.now) }) { self.systemd.send(.alive) }
        self.systemd.send(.status(self.summary))
      }
    }
  }

  private var summary: String {
    self.boards.map { board in
      let snapshot = board.look().status.snapshot
      let role =
        snapshot.leads
        ? "we are the master" : snapshot.leader.map { "the master is \($0)" } ?? "no master"
      return "\(board.key): \(role)"
    }.joined(separator: "; ")
  }
}
