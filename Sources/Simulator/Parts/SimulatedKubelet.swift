import FakeKubelet

/// The process of a kubelet.
final class SimulatedKubelet {
  let life: Int
  let begin: Nanoseconds
  var core = PodWorkers()
  /// The bytes in its directory at its last look, and their pod.
  var seen: [UInt8]?
  var pod: PodManifest?
  /// How much later than its deadline this pod ends, since the kubelet checks once a second.
  var lateness: Duration = .zero
  var isUp = true
  var alarm = 0
  /// The containers that run.
  var running: Set<UInt64> = []

  init(life: Int, begin: Nanoseconds) {
    self.life = life
    self.begin = begin
  }
}
