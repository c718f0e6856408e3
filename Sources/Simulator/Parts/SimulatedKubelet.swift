import FakeKubelet

/// The process of a kubelet.
final class SimulatedKubelet {
  let life: Int
  let begin: Nanoseconds
  var core = PodWorkers()
  /// The bytes that it has seen in its directory, and the pod that it has made of them.
  var seen: [UInt8]?
  var pod: PodManifest?
  /// How late it looks whether this pod has expired: it does so once a second.
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
