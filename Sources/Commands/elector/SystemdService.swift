import Elector
import Linux
import ServiceLifecycle

/// Tells systemd that the elector is ready, what it does, and that its loops turn.
///
/// Ready is one that takes part, also without a store: a machine must come up without it.
struct SystemdService: Service {
  let systemd: SystemdNotifier
  let boards: [ElectionBoard]

  func run() async throws {
    self.systemd.tell(.ready, .status(self.summary))
    await cancelWhenGracefulShutdown {
      let pause = min(self.systemd.watchdog.map { $0 / 3 } ?? .seconds(5), .seconds(5))
      while (try? await Task.sleep(for: pause)) != nil {
        let looks = self.boards.map { $0.look() }
        if looks.allSatisfy({ $0.status.isTurning(at: $0.now) }) { self.systemd.tell(.alive) }
        self.systemd.tell(.status(self.summary))
      }
    }
    self.systemd.tell(.stopping)
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
