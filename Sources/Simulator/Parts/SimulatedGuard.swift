import Elector

/// The process of a guard.
final class SimulatedGuard {
  let life: Int
  var core: Guard
  var loop = GuardLoop()
  /// Everything since its last `poll`.
  var sight = GuardLoop.Sight()
  var alarm = 0
  var stoppedUntil: Nanoseconds = 0
  /// The end of its wait for a slow disk.
  var waitsUntil: Nanoseconds = 0
  /// The life of its child.
  var child: Int?

  /// Whether the elector's end of the connection is open.
  var isConnected: Bool { self.sight.connection == .open }

  init(life: Int, core: Guard) {
    self.life = life
    self.core = core
  }
}
