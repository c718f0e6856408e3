import Testing

@testable import Elector

@Suite struct TimingTests {
  @Test func followsFromTTLAndSleep() throws {
    let recipe = try Timing(ttlSeconds: 30, sleep: .seconds(5))
    #expect(recipe.margin == .seconds(10))
    #expect(recipe.renewDeadline == .seconds(20))
    #expect(recipe.renewPeriod == .seconds(5))
    #expect(recipe.requestTimeout == .seconds(2))
    let short = try Timing(ttlSeconds: 1, sleep: .seconds(5))
    #expect(short.renewPeriod < .milliseconds(167))
    #expect(short.requestTimeout >= .milliseconds(100))
  }

  @Test(arguments: [Int64(0), -1, 1 << 40]) func refusesATTL(_ seconds: Int64) {
    #expect(throws: TimingError.ttl(seconds)) {
      try Timing(ttlSeconds: seconds, sleep: .seconds(5))
    }
  }

  @Test func refusesASleepOfNothing() {
    #expect(throws: TimingError.sleep(.zero)) { try Timing(ttlSeconds: 30, sleep: .zero) }
  }

  @Test func pausesGrowUpToABound() throws {
    let timing = try Timing(ttlSeconds: 60, sleep: .seconds(20))
    let pauses = (1...5).map { timing.retryPause(afterFailures: $0, keepingLease: false) }
    #expect(pauses == [.seconds(2.5), .seconds(5), .seconds(10), .seconds(20), .seconds(20)])
    #expect(timing.retryPause(afterFailures: 9, keepingLease: true) == .seconds(10))
    #expect(timing.standBack(afterFailures: 9) == .seconds(160))
  }

  /// M + L >= D + G + 250 ppm of TTL + 0.25 s: the third of a lease, and what is lacking.
  @Test(
    arguments: [
      // TTL, D, D of a young pod, G: M, L, L after a pod that was not young
      (30, 1.0, nil, 30.0, 10.0, 24.2575, 21.2575), (30, 20, nil, 30, 10, 43.2575, 40.2575),
      (30, 1, 1, 30, 10, 21.2575, 21.2575), (30, 1, nil, 5, 10, 0, 0),
      (3, 0.5, 0.5, 2, 1, 1.75075, 1.75075), (1, 0, 0, 0, 1.0 / 3, 0, 0),
    ] as [(Int64, Double, Double?, Double, Double, Double, Double)])
  func waitsForWhatTheMarginLacks(
    ttl: Int64, detection: Double, young: Double?, grace: Double, margin: Double, delay: Double,
    settled: Double
  ) throws {
    for profile in [nil, Profile.strict] {
      let timing = try Timing(
        ttlSeconds: ttl, sleep: .seconds(5), profile: profile,
        podStop: PodStop(
          detection: .seconds(detection), youngDetection: young.map { .seconds($0) },
          grace: .seconds(grace)))
      #expect(abs(timing.margin / .seconds(1) - margin) < 1e-9)
      #expect(abs(timing.lockDelay / .seconds(1) - delay) < 1e-9)
      #expect(abs(timing.lockDelay(isYoung: false) / .seconds(1) - settled) < 1e-9)
      #expect(timing.margin + timing.lockDelay >= timing.podTime())
      #expect(timing.settledTakeover == timing.ttl + timing.lockDelay(isYoung: false))
      #expect(timing.worstTakeover == timing.ttl + timing.lockDelay)
    }
  }

  /// v2 leases end early by what the clocks of etcd's members differ.
  @Test func waitsForWhatTheStoreEndsEarly() throws {
    let timing = try Timing(ttlSeconds: 30, sleep: .seconds(5))
    let skewed = timing.counting(clockSkew: .seconds(5))
    #expect(skewed.lockDelay == timing.lockDelay + .seconds(5))
    #expect(skewed.podOutlivesLease() == timing.podOutlivesLease() + .seconds(5))
    #expect(skewed.margin == timing.margin && skewed.worstTakeover > timing.worstTakeover)
    #expect(timing.counting(clockSkew: .seconds(-1)) == timing)
  }

  /// A third of the TTL is the margin; of the rest four seconds go to rounding, the first write and detection, and a
  /// renewal and a time-out take a third.
  @Test func aDeadlineThatCouldPassBetweenTwoRenewalsIsRefused() throws {
    func timing(_ ttl: Int64) throws -> Timing {
      try Timing(ttlSeconds: ttl, sleep: .seconds(5), manifestExpires: true)
    }
    let error = #expect(throws: TimingError.self) { try timing(12) }
    #expect(error?.description.contains("--ttl-secs 13 or more, or") == true)
    #expect(try timing(13).manifestExpires)
    // A kubelet that polls its directory.
    #expect(throws: TimingError.self) {
      try Timing(
        ttlSeconds: 30, sleep: .seconds(5), podStop: PodStop(detection: .seconds(20)),
        manifestExpires: true)
    }
  }

  @Test func podmastersTimingWaitsForNobodyAndSaysHowLongAPodOutlivesItsLease() throws {
    let timing = try Timing(ttlSeconds: 30, sleep: .seconds(5), profile: .podmaster)
    #expect(timing.margin == .seconds(10))
    #expect(timing.lockDelay == .zero)
    // On a stop it releases its lease as soon as the manifest is gone.
    #expect(timing.podOutlivesLease() == .microseconds(34_257_500))
  }

  @Test func refusesAYoungPodThatIsNoticedSooner() {
    #expect(throws: TimingError.youngDetection(.seconds(1), least: .seconds(2))) {
      try Timing(
        ttlSeconds: 30, sleep: .seconds(5),
        podStop: PodStop(detection: .seconds(2), youngDetection: .seconds(1)))
    }
  }

  @Test func refusesANegativeDetection() {
    #expect(throws: TimingError.detection(.seconds(-1))) {
      try Timing(
        ttlSeconds: 30, sleep: .seconds(5), podStop: PodStop(detection: .seconds(-1)))
    }
  }
}
