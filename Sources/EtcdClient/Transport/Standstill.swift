/// Finds out, by the servers' clocks, that this machine stood still: a value.
///
/// A machine that its hypervisor pauses, or restores, does not see its own clocks stand. Each answer carries the
/// server's time (`Date`). When more time has passed there between two answers than can have passed here, from
/// the sending of the first request to the arrival of the second answer, the rest is lost time.
///
/// It errs on the side of too little: a pause of less than two seconds is not seen, since `Date` has whole
/// seconds. A server's clock that is set ahead looks like a pause.
package struct Standstill: Equatable, Sendable {
  private struct Mark: Equatable {
    /// Our clock at the sending.
    var sent: Duration
    /// The server's, in seconds.
    var date: Int64
  }

  private var marks: [EtcdEndpoint: Mark] = [:]
  /// All time that was lost so far.
  package private(set) var total = Duration.zero

  package init() {}

  /// - Parameters:
  ///   - date: the server's time in whole seconds since 1970, rounded down.
  ///   - sent: our clock when the request was sent, and when its answer had come.
  /// - Returns: the time that was lost since the endpoint's last answer; `nil` for none.
  package mutating func heard(
    from endpoint: EtcdEndpoint, date: Int64, sent: Duration, received: Duration
  ) -> Duration? {
    let before = self.marks[endpoint]
    // An answer may overtake an earlier one.
    if let before, before.sent > sent { return nil }
    self.marks[endpoint] = Mark(sent: sent, date: date)
    guard let before else { return nil }
    // The first second was rounded down, so it may have been nearly over.
    let lost = .seconds(date - before.date - 1) - (received - before.sent)
    guard lost >= Self.least else { return nil }
    self.total += lost
    return lost
  }

  /// Less is not worth a doubt.
  static let least = Duration.seconds(1)

  /// The time of a `Date` header, in seconds since 1970. Source: RFC 9110, IMF-fixdate.
  static func date(_ text: String) -> Int64? {
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let fields = text.split(separator: " ")
    guard fields.count == 6, fields[5] == "GMT", let day = Int64(fields[1]),
      let month = months.firstIndex(of: String(fields[2])), let year = Int64(fields[3])
    else { return nil }
    let time = fields[4].split(separator: ":").compactMap { Int64($0) }
    guard time.count == 3 else { return nil }
    // Days since 1970 of a year that begins in March. Source: Howard Hinnant, `days_from_civil`.
    let shifted = month < 2 ? year - 1 : year
    let dayOfYear = (153 * Int64((month + 10) % 12) + 2) / 5 + day - 1
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let days =
      era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return days * 86_400 + time[0] * 3_600 + time[1] * 60 + time[2]
  }
}
