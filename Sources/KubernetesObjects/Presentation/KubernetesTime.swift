import FoundationEssentials

/// Times as Kubernetes' objects carry them: RFC 3339, written in UTC.
///
/// The calendar is computed here. A table of a thousand pods reads a thousand times, and Foundation's
/// formatter takes longer than everything else together.
package enum KubernetesTime {
  // MARK: Writing

  /// Whole seconds: `2026-01-02T03:04:05Z`. Source: `metav1.Time`.
  package static func seconds(_ date: Date) -> String {
    Self.seconds(Int64(date.timeIntervalSince1970.rounded(.down)))
  }

  /// - Parameter seconds: since 1970.
  package static func seconds(_ seconds: Int64) -> String { Self.text(seconds) + "Z" }

  /// Exactly six fractional digits. Source: `metav1.MicroTime`, `RFC3339Micro`.
  package static func microseconds(_ date: Date) -> String {
    let microseconds = Int64((date.timeIntervalSince1970 * 1e6).rounded(.down))
    let (seconds, fraction) = Self.divide(microseconds, by: 1_000_000)
    return "\(Self.text(seconds)).\(Self.digits(fraction, 6))Z"
  }

  /// Exactly nine fractional digits.
  /// - Parameter seconds: since 1970.
  package static func nanoseconds(_ seconds: Int64, _ nanoseconds: Int64) -> String {
    "\(Self.text(seconds)).\(Self.digits(nanoseconds, 9))Z"
  }

  private static func text(_ seconds: Int64) -> String {
    let (days, rest) = Self.divide(seconds, by: 86_400)
    let (year, month, day) = Self.date(days: days)
    return "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(day, 2))T"
      + "\(Self.digits(rest / 3_600, 2)):\(Self.digits(rest / 60 % 60, 2)):\(Self.digits(rest % 60, 2))"
  }

  private static func digits(_ number: Int64, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
  }

  // MARK: Reading

  /// Whole seconds since 1970 of an RFC 3339 text; a fraction is cut off. `nil` for any other text.
  ///
  /// Source: RFC 3339, section 5.6.
  package static func seconds(of text: String) -> Int64? {
    var reader = Reader(text: text)
    guard let year = reader.number(digits: 4), reader.skip("-"),
      let month = reader.number(digits: 2), (1...12).contains(month), reader.skip("-"),
      let day = reader.number(digits: 2), (1...31).contains(day), reader.skip("T", "t", " "),
      let hour = reader.number(digits: 2), hour < 24, reader.skip(":"),
      let minute = reader.number(digits: 2), minute < 60, reader.skip(":"),
      let second = reader.number(digits: 2), second < 61
    else { return nil }
    if reader.skip(".") {
      guard reader.skipDigits() > 0 else { return nil }
    }
    guard let offset = reader.offset(), reader.isAtEnd else { return nil }
    return Self.days(year: year, month: month, day: day) * 86_400
      + hour * 3_600 + minute * 60 + second - offset
  }

  // MARK: Calendar

  /// The days from 1 January 1970 to a day of the Gregorian calendar.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    // Years begin in March, so that the leap day is the last day of a year.
    let year = month > 2 ? year : year - 1
    let monthSinceMarch = (month + 9) % 12
    let dayOfYear = (153 * monthSinceMarch + 2) / 5 + day - 1
    let leapDays = year / 4 - year / 100 + year / 400
    return year * 365 + leapDays + dayOfYear - 719_468
  }

  /// The reverse of ``days(year:month:day:)``.
  ///
  /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, day) = Self.divide(days + 719_468, by: 146_097)
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let monthSinceMarch = (5 * dayOfYear + 2) / 153
    let isNextYear = monthSinceMarch >= 10
    return (
      era * 400 + year + (isNextYear ? 1 : 0), monthSinceMarch + (isNextYear ? -9 : 3),
      dayOfYear - (153 * monthSinceMarch + 2) / 5 + 1
    )
  }

  /// Rounds down, also before 1970.
  private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, rest: Int64) {
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
  }
}

/// Reads a text from its beginning.
private struct Reader {
  private var rest: Substring.UTF8View

  init(text: String) { self.rest = text[...].utf8 }

  var isAtEnd: Bool { self.rest.isEmpty }

  mutating func skip(_ choices: UnicodeScalar...) -> Bool {
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

  mutating func number(digits: Int) -> Int64? {
    var number: Int64 = 0
    for _ in 0..<digits {
      guard let digit = self.digit() else { return nil }
      number = number * 10 + digit
    }
    return number
  }

  mutating func skipDigits() -> Int {
    var count = 0
    while self.digit() != nil { count += 1 }
    return count
  }

  /// Seconds by which the time is ahead of UTC: `Z`, `+02:00`.
  mutating func offset() -> Int64? {
    if self.skip("Z", "z") { return 0 }
    let sign: Int64
    if self.skip("+") { sign = 1 } else if self.skip("-") { sign = -1 } else { return nil }
    guard let hours = self.number(digits: 2), hours < 24, self.skip(":"),
      let minutes = self.number(digits: 2), minutes < 60
    else { return nil }
    return sign * (hours * 3_600 + minutes * 60)
  }
}
