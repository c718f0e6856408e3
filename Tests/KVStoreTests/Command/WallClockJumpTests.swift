import Foundation
import TestSupport
import Testing

@testable import KVStore

/// For each jump of the clock; `nil` without the campaign.
private let leaseCount =
  ProcessInfo.processInfo.environment["ZWEIMASTER_CLOCK_LEASES"].flatMap { Int($0) }

/// The wall clock of a running `kvstore` jumps under its leases, and each of them ends at its time.
///
/// It measures times, so it is a campaign of its own: `ZWEIMASTER_CLOCK_LEASES` is the number of leases for
/// each jump, and without it nothing is run.
@Suite(.serialized, .enabled(if: leaseCount != nil), .takesTurns, .timeLimit(.minutes(20)))
struct WallClockJumpTests {
  private static let hour: Int64 = 3_600
  private static let halfACentury = 50 * 365 * 24 * hour
  /// Seconds ahead of the machine's clock, one after the other.
  private static let jumps = [hour, 0, -hour, 0, halfACentury, 0, -halfACentury, 0]
  /// How late an expiry may be told.
  private static let limit = Duration.milliseconds(100)

  @Test func everyLeaseEndsAtItsTime() async throws {
    let count = leaseCount ?? 0
    try await withTemporaryDirectory { directory in
      let clock = directory + "/clock"
      try Data(count: 8).write(to: URL(filePath: clock))
      try await RealProgram.run(
        in: directory, ["--listen-client-urls", "http://127.0.0.1:0"],
        environment: [
          "LD_PRELOAD": BuiltProgram("libWallClock.so").path, "ZWEIMASTER_CLOCK": clock,
        ]
      ) { program in
        let port = try #require(URL(string: program.urls[0])?.port)
        for jump in Self.jumps {
          let lateness = try await onThreadOfItsOwn {
            try Leases(port: port).end(count) { try Self.write(jump, to: clock) }
          }
          let (earliest, latest) = (lateness.min() ?? .zero, lateness.max() ?? .zero)
          print(
            "clock: \(jump) s ahead, \(lateness.count) leases ended \(earliest) to \(latest) late")
          try #require(lateness.count == count)
          // The lease begins after its request was sent.
          #expect(earliest >= .zero)
          #expect(latest <= Self.limit)
        }
      }
    }
  }

  /// Sets the clock of the process, as `CWallClock` says.
  private static func write(_ seconds: Int64, to clock: String) throws {
    let file = try FileHandle(forWritingTo: URL(filePath: clock))
    try file.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
    try file.close()
  }
}

/// Leases with a stream that tells of their ends.
private struct Leases {
  let port: Int

  /// Creates leases, lets the clock jump, and waits for all ends. It sends nothing meanwhile: a request would
  /// wake the server.
  /// - Returns: how long after its time the end of each was told.
  func end(_ count: Int, jump: () throws -> Void) throws -> [Duration] {
    let stream = try RawConnection(host: "127.0.0.1", port: self.port)
    let watch = KeysCall(
      method: "GET", path: "/leases",
      query: [("wait", "true"), ("stream", "true"), ("recursive", "true")])
    _ = stream.send(watch.bytes)
    _ = try stream.readHead("GET", until: .now + .seconds(60))

    let client = try RawConnection(host: "127.0.0.1", port: self.port)
    var deadlines: [String: (earliest: ContinuousClock.Instant, latest: ContinuousClock.Instant)] =
      [:]
    for number in 0..<count {
      let ttl = 6 + number % 4
      let key = "/leases/\(number)"
      let put = KeysCall(method: "PUT", path: key, body: [("value", "1"), ("ttl", "\(ttl)")])
      let sent = ContinuousClock.now
      _ = client.send(put.bytes)
      guard try put.readAnswer(from: client).status == 201 else { throw TestFailure("no \(key)") }
      deadlines[key] = (sent + .seconds(ttl), .now + .seconds(ttl))
    }
    try jump()
    guard let first = deadlines.values.map(\.earliest).min(), ContinuousClock.now < first else {
      throw TestFailure("the machine is too slow: a lease has ended before the clock jumps")
    }

    var lateness: [Duration] = []
    var bytes: [UInt8] = []
    let end = ContinuousClock.now + .seconds(30)
    while lateness.count < count {
      guard let piece = try? stream.readPiece(until: end) else { break }
      let now = ContinuousClock.now
      bytes += piece
      let documents = WireJSON.documents(bytes)
      for event in documents.map(\.value) where event["action"]?.text == "expire" {
        guard let deadline = deadlines[event["node"]?["key"]?.text ?? ""] else { continue }
        // Within the time of the request nobody knows when the lease began.
        lateness.append(
          now < deadline.latest ? min(.zero, now - deadline.earliest) : now - deadline.latest)
      }
      bytes.removeFirst(documents.last?.end ?? 0)
    }
    return lateness
  }
}
