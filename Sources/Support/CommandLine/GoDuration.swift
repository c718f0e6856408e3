import ArgumentParser

/// A duration in Go's spelling: `5s`, `500ms`, `1m30s`, `1.5h`.
///
/// Source: Go's `time.ParseDuration`. A number without a unit is an error there and here, except `0`.
package struct GoDuration: Equatable, Hashable, Sendable, CustomStringConvertible {
  package let duration: Duration

  package init(_ duration: Duration) {
    self.duration = duration
  }

  /// Units in nanoseconds; Go accepts both code points of `µs`.
  private static let nanosecondsPerUnit: [String: Double] = [
    "ns": 1, "us": 1e3, "\u{B5}s": 1e3, "\u{3BC}s": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9,
    "h": 3600e9,
  ]

  package init(parsing text: String) throws(GoDurationError) {
    var rest = Substring(text)
    var isNegative = false
    if let sign = rest.first, sign == "+" || sign == "-" {
      isNegative = sign == "-"
      rest = rest.dropFirst()
    }
    if rest == "0" {
      self.init(.zero)
      return
    }
    guard !rest.isEmpty else { throw .malformed(text) }
    var nanoseconds = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { !($0.isASCII && $0.isNumber) && $0 != "." }
      rest = rest.dropFirst(unit.count)
      guard let number = Double(digits) else { throw .malformed(text) }
      guard !unit.isEmpty else { throw .missingUnit(text) }
      guard let factor = Self.nanosecondsPerUnit[String(unit)] else {
        throw .unknownUnit(String(unit), text)
      }
      nanoseconds += number * factor
    }
    guard nanoseconds < Double(Int64.max) else { throw .malformed(text) }
    let whole = Int64(nanoseconds.rounded())
    self.init(.nanoseconds(isNegative ? -whole : whole))
  }

  /// In Go's form: `5s`, `1m30s`, `500ms`.
  package var description: String {
    let (seconds, attoseconds) = self.duration.components
    let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    guard nanoseconds != 0 else { return "0s" }
    let sign = nanoseconds < 0 ? "-" : ""
    let magnitude = nanoseconds.magnitude
    func decimal(_ value: UInt64, _ unit: UInt64, _ name: String) -> String {
      let fraction = value % unit
      guard fraction != 0 else { return "\(value / unit)\(name)" }
      let width = String(unit).count - 1
      var digits = String(repeating: "0", count: width - String(fraction).count) + String(fraction)
      while digits.hasSuffix("0") { digits.removeLast() }
      return "\(value / unit).\(digits)\(name)"
    }
    if magnitude < 1_000 { return "\(sign)\(magnitude)ns" }
    if magnitude < 1_000_000 { return sign + decimal(magnitude, 1_000, "µs") }
    if magnitude < 1_000_000_000 { return sign + decimal(magnitude, 1_000_000, "ms") }
    let minutes = magnitude / 60_000_000_000
    let rest = decimal(magnitude % 60_000_000_000, 1_000_000_000, "s")
    if minutes == 0 { return sign + rest }
    if minutes < 60 { return "\(sign)\(minutes)m\(rest)" }
    return "\(sign)\(minutes / 60)h\(minutes % 60)m\(rest)"
  }
}

/// Why a text is not a ``GoDuration``.
package enum GoDurationError: Error, Equatable, CustomStringConvertible {
  case malformed(String)
  case missingUnit(String)
  case unknownUnit(String, String)

  package var description: String {
    switch self {
    case .malformed(let text):
      "\"\(text)\" is not a duration: write it like 5s, 500ms or 1m30s"
    case .missingUnit(let text):
      "\"\(text)\" has a number without a unit: write it like 5s, 500ms or 1m30s"
    case .unknownUnit(let unit, let text):
      "\"\(text)\" has the unknown unit \"\(unit)\": the units are ns, us, ms, s, m and h"
    }
  }
}

extension GoDuration: ExpressibleByArgument {
  package init?(argument: String) {
    guard let parsed = try? GoDuration(parsing: argument) else { return nil }
    self = parsed
  }

  package var defaultValueDescription: String { self.description }
}
