/// Times as API objects carry them, read; and ages as kubectl prints them.
extension KubernetesTime {
  /// Whole seconds since 1970 of an RFC 3339 text such as `2026-01-02T03:04:05Z`; a fraction is cut
  /// off. `nil` when it is none.
  ///
  /// Source: RFC 3339, section 5.6. The days are counted by hand: a table of a thousand pods reads a
  /// thousand times, and a formatter takes longer than all the rest.
  package static func seconds(of text: String) -> Int64? {
    var reader = Reader(text: text)
    guard let year = reader.number(digits: 4), reader.take("-"),
      let month = reader.number(digits: 2), (1...12).contains(month), reader.take("-"),
      let day = reader.number(digits: 2), (1...31).contains(day), reader.take("T", "t", " "),
      let hour = reader.number(digits: 2), hour < 24, reader.take(":"),
      let minute = reader.number(digits: 2), minute < 60, reader.take(":"),
      let second = reader.number(digits: 2), second < 61
    else { return nil }
    if reader.take(".") {
      guard reader.skipDigits() > 0 else { return nil }
    }
    guard let offset = reader.offset(), reader.isAtEnd else { return nil }
    return Self.days(year: year, month: month, day: day) * 86_400
      + hour * 3_600 + minute * 60 + second - offset
  }

  /// The days from 1 January 1970 to a day of the Gregorian calendar.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    // Years begin in March, so that the leap day is the last of one.
    let year = month > 2 ? year : year - 1
    let monthSinceMarch = (month + 9) % 12
    let dayOfYear = (153 * monthSinceMarch + 2) / 5 + day - 1
    let leapDays = year / 4 - year / 100 + year / 400
    return year * 365 + leapDays + dayOfYear - 719_468
  }

  /// How long ago something was, at most two units of it: `95s`, `5m30s`, `3d5h`.
  ///
  /// Source: `k8s.io/apimachinery/pkg/util/duration` HumanDuration.
  package static func age(seconds: Int64) -> String {
    func two(_ whole: Int64, _ unit: String, _ rest: Int64, _ smallUnit: String) -> String {
      rest == 0 ? "\(whole)\(unit)" : "\(whole)\(unit)\(rest)\(smallUnit)"
    }
    let (minutes, hours) = (seconds / 60, seconds / 3_600)
    let (days, years) = (hours / 24, hours / 24 / 365)
    return switch seconds {
    // Clocks differ: what was made in the second to come is new.
    case ..<(-1): "<invalid>"
    case ..<0: "0s"
    case ..<120: "\(seconds)s"
    case _ where minutes < 10: two(minutes, "m", seconds % 60, "s")
    case _ where minutes < 180: "\(minutes)m"
    case _ where hours < 8: two(hours, "h", minutes % 60, "m")
    case _ where hours < 48: "\(hours)h"
    case _ where hours < 192: two(days, "d", hours % 24, "h")
    case _ where days < 365 * 2: "\(days)d"
    case _ where days < 365 * 8: two(years, "y", days % 365, "d")
    default: "\(years)y"
    }
  }

  /// The age of what a field says; a field that is absent, null or no time has none.
  package static func age(_ time: JSONValue?, now: Int64) -> String {
    guard let then = time?.string.flatMap(Self.seconds(of:)) else { return "<unknown>" }
    return Self.age(seconds: now - then)
  }
}

/// Reads a text from its beginning.
private struct Reader {
  private var rest: Substring.UTF8View

  package init(text: String) { self.rest = text[...].utf8 }

  package var isAtEnd: Bool { self.rest.isEmpty }

  package mutating func take(_ choices: UnicodeScalar...) -> Bool {
    guard let next = self.rest.first, choices.contains(UnicodeScalar(next)) else { return false }
    self.rest.removeFirst()
    return true
  }

  private mutating func digit() -> Int64? {
    guard let next = self.rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) else {
      return nil
    }
    self.rest.removeFirst()
    return Int64(next - UInt8(ascii: "0"))
  }

  package mutating func number(digits: Int) -> Int64? {
    var number: Int64 = 0
    for _ in 0..<digits {
      guard let digit = self.digit() else { return nil }
      number = number * 10 + digit
    }
    return number
  }

  package mutating func skipDigits() -> Int {
    var count = 0
    while self.digit() != nil { count += 1 }
    return count
  }

  /// Seconds that the time is ahead of UTC: `Z`, `+02:00`.
  package mutating func offset() -> Int64? {
    if self.take("Z", "z") { return 0 }
    let sign: Int64
    if self.take("+") { sign = 1 } else if self.take("-") { sign = -1 } else { return nil }
    guard let hours = self.number(digits: 2), hours < 24, self.take(":"),
      let minutes = self.number(digits: 2), minutes < 60
    else { return nil }
    return sign * (hours * 3_600 + minutes * 60)
  }
}
