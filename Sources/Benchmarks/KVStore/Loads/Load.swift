/// One thing that is measured, with its lines in the table.
package struct Load: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    case requests(RequestLoad, of: [Subject])
    /// PUTs at a fixed rate, whether or not earlier ones are answered.
    case openLoop(connections: Int)
    /// Long polls on one key.
    case fanOut(watchers: Int)
    /// Long polls, each on a key of its own, of which one is written.
    case watchedKeys
    case expiry
    case memory
    case start
    case growth
    /// Calls of the v3 API at full speed.
    case calls(CallLoad, of: [Subject])
    /// Watch streams of the v3 API.
    case watchCalls(count: Int, of: WatchedKeys)
    /// Leases of the v3 API, each with a key, and when their watchers learn of its end.
    case leaseEnds
    /// Keys of the v3 API with some versions each: memory, and a start with them.
    case versions
  }

  /// As in `--only`.
  package let name: String
  package let kind: Kind
  package let comparisons: [Comparison]
}

extension Load {
  /// All loads, in the order of the table.
  package static func all(_ sizes: Sizes) -> [Load] {
    self.gets + self.puts(sizes) + [self.openLoop] + self.watches(sizes) + [self.expiry(sizes)]
      + self.stored(sizes) + [self.growth(sizes)] + self.calls(sizes)
  }

  private static var gets: [Load] {
    let plain = [16, 64, 256].map { connections in
      self.get("get-\(connections)", "GET, \(connections) connections", connections, quorum: false)
    }
    return plain + [self.get("quorum-get-64", "quorum GET, 64 connections", 64, quorum: true)]
  }

  private static func get(
    _ name: String, _ title: String, _ connections: Int, quorum: Bool
  ) -> Load {
    var comparisons = [
      Comparison(title, .perSecond, "\(name).rate", goal: .ratioAtLeast(1.45)),
      Comparison(title, .perSecond, "\(name).rate", beside: .bare, goal: .ratioAtLeast(0.9)),
    ]
    if name == "get-64" { comparisons.append(self.cpu(name, "CPU per GET, 64 connections", 0.65)) }
    return Load(
      name: name,
      kind: .requests(
        RequestLoad(pattern: .getOne(isQuorum: quorum), connections: connections),
        of: [.kvstore, .etcd, .bare]),
      comparisons: comparisons)
  }

  private static func cpu(_ name: String, _ title: String, _ bound: Double) -> Comparison {
    Comparison(title, .microseconds, "\(name).cpu", goal: .ratioAtMost(bound))
  }

  private static func puts(_ sizes: Sizes) -> [Load] {
    let keyCount = sizes.writtenKeys
    func load(
      _ name: String, _ title: String, _ pattern: RequestLoad.Pattern, _ connections: Int,
      _ bound: Double
    ) -> Load {
      let rate = Comparison(title, .perSecond, "\(name).rate", goal: .ratioAtLeast(bound))
      return Load(
        name: name,
        kind: .requests(
          RequestLoad(pattern: pattern, connections: connections), of: [.kvstore, .etcd]),
        comparisons: name == "put-64"
          ? [rate, self.cpu(name, "CPU per PUT, 64 connections", 0.38)] : [rate])
    }
    let many = [(1, 1.2), (16, 1.8), (64, 2), (256, 2)].map { connections, bound in
      load(
        "put-\(connections)",
        "PUT, \(FigureUnit.grouped(keyCount)) keys, \(connections) connection\(connections == 1 ? "" : "s")",
        .putMany(keyCount: keyCount), connections, bound)
    }
    return [load("put-one-64", "PUT, one key, 64 connections", .putOne, 64, 1.4)] + many + [
      load("renew-64", "lease renewal (CAS), 64 connections", .renewLeases, 64, 2),
      load("mixed-64", "nine GETs to one PUT, 64 connections", .mixed(keyCount: keyCount), 64, 1.4),
    ]
  }

  /// Its rate comes from etcd in `put-64`.
  private static var openLoop: Load {
    let name = "put-open-64"
    return Load(
      name: name, kind: .openLoop(connections: 64),
      comparisons: Tail.allCases.map { tail in
        Comparison(
          "\(tail.rawValue) of a PUT at half of etcd's rate, open loop", .milliseconds,
          "\(name).\(tail.rawValue)", goal: tail == .p999 ? .ratioAtMost(1) : nil)
      })
  }

  private static func watches(_ sizes: Sizes) -> [Load] {
    let fanOut = sizes.watchers.map { count in
      let name = "watch-\(count)"
      // The goal is for a thousand watchers.
      let goal = count == 1000 ? Goal.ratioAtMost(0.5) : nil
      let watchers = "\(FigureUnit.grouped(count)) watcher\(count == 1 ? "" : "s") of one key"
      return Load(
        name: name, kind: .fanOut(watchers: count),
        comparisons: [("answer", "answered"), ("sending", "sent")].map { end, metric in
          Comparison(
            "\(watchers), from the write's \(end)", .milliseconds, "\(name).\(metric)", goal: goal)
        })
    }
    let count = sizes.watchedKeys
    let watchedKeys = Load(
      name: "watched-keys", kind: .watchedKeys,
      comparisons: [
        Comparison(
          "CPU per write, \(FigureUnit.grouped(count)) watched keys", .microseconds,
          Series(.kvstore, "watched-keys.\(count)"), against: Series(.kvstore, "watched-keys.1"),
          named: "one watched key", goal: .ratioOneWithinSpread),
        Comparison(
          "CPU per write, \(FigureUnit.grouped(count)) watched keys", .microseconds,
          "watched-keys.\(count)", goal: nil),
      ])
    return fanOut + [watchedKeys]
  }

  private static func expiry(_ sizes: Sizes) -> Load {
    Load(
      name: "expiry", kind: .expiry,
      comparisons: [
        Comparison(
          "lateness of an expiry, \(FigureUnit.grouped(sizes.expiringKeys)) keys, p99",
          .milliseconds, "expiry.p99", goal: .figureAtMost(20))
      ])
  }

  private static func stored(_ sizes: Sizes) -> [Load] {
    let keys = "\(FigureUnit.grouped(sizes.storedKeys)) keys"
    return [
      Load(
        name: "memory", kind: .memory,
        comparisons: [
          Comparison("memory, empty", .mebibytes, "memory.idle", goal: .ratioAtMost(0.6)),
          Comparison(
            "memory, \(keys) of 100 bytes", .mebibytes, "memory.filled", goal: .ratioAtMost(0.6)),
        ]),
      Load(
        name: "start", kind: .start,
        comparisons: [
          Comparison(
            "start with \(keys), to the first answer", .seconds, "start", goal: .ratioAtMost(0.5))
        ]),
    ]
  }

  private static func growth(_ sizes: Sizes) -> Load {
    let least = sizes.growth[0]
    let most = sizes.growth[sizes.growth.count - 1]
    func title(_ method: String, _ count: Int) -> String {
      "CPU per \(method.uppercased()), \(FigureUnit.grouped(count)) keys"
    }
    let grown = ["get", "put"].flatMap { method in
      sizes.growth.dropFirst().map { count in
        Comparison(
          title(method, count), .microseconds, Series(.kvstore, "growth.\(method).\(count)"),
          against: Series(.kvstore, "growth.\(method).\(least)"),
          named: "\(FigureUnit.grouped(least)) keys", goal: .ratioAtMost(1.5))
      }
    }
    let besideEtcd = Comparison(
      title("put", most), .microseconds, "growth.put.\(most)", goal: .ratioAtMost(0.6))
    return Load(name: "growth", kind: .growth, comparisons: grown + [besideEtcd])
  }
}

/// The sizes of all loads.
package struct Sizes: Equatable, Sendable {
  /// The keys of the writes and of the mixed load.
  package var writtenKeys = 10_000
  /// How long an open loop lasts: long enough for some updates of kvstore's tables, and for checkpoints.
  package var openLoopSeconds = 60
  /// Watchers of one key.
  package var watchers = [1, 100, 1000, 10_000]
  package var watchedKeys = 1000
  package var expiringKeys = 1000
  /// The keys for memory and start-up.
  package var storedKeys = 100_000
  /// The sizes of a growing store, in keys; the first is compared with the others, and the last one with etcd.
  package var growth = [1000, 100_000, 1_000_000]
  /// The keys of a list, and the streams of a watched key, of the v3 API.
  package var listedKeys = 10_000
  package var callWatchers = 1000
  package var prefixWatchers = 100
  package var endingLeases = 1000
  /// Of each of ``storedKeys``.
  package var versions = 10

  package static let full = Sizes()
  /// Enough to check that everything works.
  package static let quick = Sizes(
    writtenKeys: 500, openLoopSeconds: 2, watchers: [1, 50], watchedKeys: 50, expiringKeys: 100,
    storedKeys: 2000, growth: [100, 1000], listedKeys: 1000, callWatchers: 50,
    prefixWatchers: 10, endingLeases: 50, versions: 3)
}
