/// The loads of the v3 API, over gRPC.
extension Load {
  static func calls(_ sizes: Sizes) -> [Load] {
    let keys = FigureUnit.grouped(sizes.writtenKeys)
    let listed = FigureUnit.grouped(sizes.listedKeys)
    let put = CallLoad.Pattern.put(keyCount: sizes.writtenKeys)
    return [
      self.call(
        "v3-range-1x64", "Range, 1 connection, 64 streams", .range, (1, 64), rate: 2.5, cpu: 0.6),
      self.call(
        "v3-range-64x1", "Range, 64 connections", .range, (64, 1), rate: 2.5, cpu: 0.6, above: 8),
      self.call("v3-put-1x64", "Put, \(keys) keys, 1 connection, 64 streams", put, (1, 64)),
      self.call(
        "v3-put-64x1", "Put, \(keys) keys, 64 connections", put, (64, 1), rate: 1.6, cpu: 0.6,
        above: 18),
      self.call(
        "v3-txn-64x1", "Txn of an update, 64 connections", .txn, (64, 1), rate: 1.5, cpu: 0.6),
      self.call(
        "v3-keep-alive", "LeaseKeepAlive, 1,000 leases and streams", .keepAlive, (40, 25), rate: 2,
        cpu: 0.5),
      self.call(
        "v3-list", "list of \(listed) values of 1 KB",
        .list(keyCount: sizes.listedKeys, page: nil), (4, 1), rate: 2),
      self.call(
        "v3-pages", "list of \(listed) values of 1 KB by pages of 500",
        .list(keyCount: sizes.listedKeys, page: 500), (4, 1), rate: 2),
    ]
      + self.watchCalls(sizes) + self.leasesAndVersions(sizes)
  }

  private static func watchCalls(_ sizes: Sizes) -> [Load] {
    let many = FigureUnit.grouped(sizes.callWatchers)
    return [
      (
        "v3-watch-one", "\(many) Watch streams of one key", sizes.callWatchers,
        WatchedKeys.one
      ),
      (
        "v3-watch-own", "\(many) Watch streams of as many keys, all written", sizes.callWatchers,
        .own
      ),
      (
        "v3-watch-prefix",
        "\(sizes.prefixWatchers) Watch streams of \(FigureUnit.grouped(sizes.writtenKeys)) keys",
        sizes.prefixWatchers, .prefix
      ),
    ].map { name, title, count, watched in
      Load(
        name: name, kind: .watchCalls(count: count, of: watched),
        comparisons: [
          Comparison(
            "v3: \(title), from sending to the last event", .milliseconds, "\(name).sent",
            goal: .ratioAtMost(0.6))
        ])
    }
  }

  private static func leasesAndVersions(_ sizes: Sizes) -> [Load] {
    let stored = "\(FigureUnit.grouped(sizes.storedKeys)) keys with \(sizes.versions) versions"
    return [
      Load(
        name: "v3-lease-ends", kind: .leaseEnds,
        comparisons: [
          Comparison(
            "v3: lateness of a lease's end, \(FigureUnit.grouped(sizes.endingLeases)) leases, p99",
            .milliseconds, "v3-lease-ends.p99", goal: .figureAtMost(20))
        ]),
      Load(
        name: "v3-versions", kind: .versions,
        comparisons: [
          Comparison(
            "v3: memory, \(stored)", .mebibytes, "v3-versions.memory", goal: .ratioAtMost(0.5)),
          Comparison(
            "v3: start with \(stored)", .seconds, "v3-versions.start", goal: .ratioAtMost(0.5)),
        ]),
    ]
  }

  /// - Parameters:
  ///   - size: connections, and streams of each.
  ///   - above: of the processor, in microseconds, beyond the bare server's.
  private static func call(
    _ name: String, _ title: String, _ pattern: CallLoad.Pattern,
    _ size: (connections: Int, streams: Int), rate: Double? = nil, cpu: Double? = nil,
    above: Double? = nil
  ) -> Load {
    // The bare server has one small answer, for calls of one message.
    let hasBare =
      switch pattern {
      case .range, .put, .txn: true
      case .keepAlive, .list: false
      }
    var comparisons = [
      Comparison("v3: \(title)", .perSecond, "\(name).rate", goal: rate.map(Goal.ratioAtLeast)),
      Comparison(
        "v3: CPU, \(title)", .microseconds, "\(name).cpu", goal: cpu.map(Goal.ratioAtMost)),
    ]
    if hasBare {
      comparisons += [
        Comparison(
          "v3: \(title)", .perSecond, "\(name).rate", beside: .bareCalls, goal: nil),
        Comparison(
          "v3: CPU above the bare server's, \(title)", .microseconds, "\(name).above",
          goal: above.map(Goal.figureAtMost)),
      ]
    }
    comparisons.append(
      Comparison(
        "v3: share of the cores of the clients, \(title)", .percent, "\(name).clients", goal: nil))
    return Load(
      name: name,
      kind: .calls(
        CallLoad(pattern: pattern, connections: size.connections, streams: size.streams),
        of: hasBare ? [.kvstore, .etcd, .bareCalls] : [.kvstore, .etcd]),
      comparisons: comparisons)
  }
}
