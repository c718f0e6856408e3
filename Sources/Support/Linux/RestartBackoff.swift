/// The pause before a process that ended by itself is started again.
///
/// It doubles with each restart up to a limit. After a long run it starts over with the first pause.
package struct RestartBackoff: Equatable, Sendable {
  /// The first pause.
  package var initial: Duration
  /// The longest pause.
  package var limit: Duration
  /// A run of at least this long ends the series.
  package var resetAfter: Duration
  private var next: Duration

  package init(
    initial: Duration = .milliseconds(100), limit: Duration = .seconds(5),
    resetAfter: Duration = .seconds(10)
  ) {
    self.initial = initial
    self.limit = limit
    self.resetAfter = resetAfter
    self.next = initial
  }

  /// The pause after a run of the given length.
  package mutating func delay(afterRunningFor run: Duration) -> Duration {
    if run >= self.resetAfter { self.next = self.initial }
    defer { self.next = min(self.next * 2, self.limit) }
    return self.next
  }
}
