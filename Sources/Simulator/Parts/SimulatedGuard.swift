import Elector

/// The process of a guard.
final class SimulatedGuard {
  let life: Int
  var core: Guard
  var loop = GuardLoop()
  /// What has happened since it looked last.
  var sight = GuardLoop.Sight()
  var alarm = 0
  var stoppedUntil: Nanoseconds = 0
  /// How long it waits for a slow disk.
  var waitsUntil: Nanoseconds = 0
  /// The elector that it has started.
  var child: Int?

  /// Whether the elector has its end of the connection open.
  var isConnected: Bool { self.sight.connection == .open }

  init(life: Int, core: Guard) {
    self.life = life
    self.core = core
  }
}
