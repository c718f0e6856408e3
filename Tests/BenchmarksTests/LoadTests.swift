import Testing

@testable import Benchmarks

@Suite struct LoadTests {
  @Test func `no two loads have the same name, and none gives no line`() {
    for sizes in [Sizes.full, .quick] {
      let loads = Load.all(sizes)
      #expect(Set(loads.map(\.name)).count == loads.count)
      #expect(loads.allSatisfy { !$0.comparisons.isEmpty })
    }
  }

  @Test func `no two lines compare the same with the same`() {
    let pairs = Load.all(.full).flatMap(\.comparisons).map { [$0.measured, $0.against] }
    #expect(Set(pairs).count == pairs.count)
  }

  @Test(arguments: [
    ("get-64", ["≥ 1.45", "≥ 0.90", "≤ 0.65"]), ("put-1", ["≥ 1.20"]), ("put-16", ["≥ 1.80"]),
    ("put-64", ["≥ 2.00", "≤ 0.38"]), ("put-256", ["≥ 2.00"]), ("renew-64", ["≥ 2.00"]),
    ("put-open-64", ["", "", "≤ 1.00"]), ("watch-100", ["", ""]),
    ("watch-1000", ["≤ 0.50", "≤ 0.50"]), ("expiry", ["≤ 20.00 ms"]),
    ("memory", ["≤ 0.60", "≤ 0.60"]),
    ("growth", ["≤ 1.50", "≤ 1.50", "≤ 1.50", "≤ 1.50", "≤ 0.60"]),
  ])
  func `the goals are these`(name: String, goals: [String]) throws {
    let load = try #require(Load.all(.full).first { $0.name == name })
    #expect(load.comparisons.map { $0.goal?.text($0.unit) ?? "" } == goals)
  }

  @Test(arguments: [
    (RequestLoad.Pattern.getOne(isQuorum: false), false), (.getOne(isQuorum: true), false),
    (.putOne, false), (.getMany(keyCount: 5), true), (.putMany(keyCount: 5), true),
    (.mixed(keyCount: 5), true), (.renewLeases, true),
  ])
  func `Lua runs for a request only where requests differ`(
    pattern: RequestLoad.Pattern, runsForEach: Bool
  ) {
    #expect(pattern.wrkScript.contains("function request()") == runsForEach)
    // With its own init(), wrk would not build the one request of a plain script.
    #expect(pattern.wrkScript.contains("function init()") == runsForEach)
    #expect(pattern.wrkScript.contains("function done("))
  }

  @Test func `wrk's words are understood`() throws {
    let output = """
      Running 3s test @ http://127.0.0.1:2379
      Requests/sec:  20000.00
      requests=60000 microseconds=3000100 refused=1 broken=2
      """
    let summary = try #require(WrkSummary(output: output))
    #expect(summary.requests == 60000)
    #expect(summary.seconds == 3.0001)
    #expect(summary.refused == 1)
    #expect(summary.broken == 2)
    #expect(WrkSummary(output: "unable to connect to 127.0.0.1:1 Connection refused") == nil)
  }
}
