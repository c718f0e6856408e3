/// An amount of a resource, such as `100m` or `64Mi`, in the kubelet's own representation.
///
/// Source: `apimachinery/pkg/api/resource/quantity.go`, `suffix.go`, `math.go`, 1.23 and 1.36.
package struct ResourceQuantity: Equatable, Sendable {
  package enum Format: String, Sendable {
    case decimalExponent = "DecimalExponent"
    case binarySI = "BinarySI"
    case decimalSI = "DecimalSI"
  }

  /// 64 bits where the amount fits, else a big decimal (`inf.Dec`).
  package enum Amount: Equatable, Sendable {
    /// value × 10^scale.
    case small(value: Int64, scale: Int)
    /// magnitude × 10^-places, negative or not.
    case big(magnitude: UInt128, places: Int, isNegative: Bool)
  }

  /// Why a text is no quantity.
  package struct Unreadable: Error, Equatable {
    package let reason: String

    package static let form = Self(
      reason: "quantities must match the regular expression "
        + "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    package static let number = Self(reason: "unable to parse numeric part of quantity")
    package static let suffix = Self(reason: "unable to parse quantity's suffix")
  }

  package var amount: Amount
  /// The text as written when it is the canonical one; else empty.
  package var text: String
  /// `nil` for ``none``.
  package var format: Format?

  /// The quantity of a field that the manifest leaves out.
  package static let none = Self(amount: .small(value: 0, scale: 0), text: "", format: nil)

  private init(amount: Amount, text: String, format: Format?) {
    self.amount = amount
    self.text = text
    self.format = format
  }

  /// The finest exponent; finer amounts are rounded up.
  private static let nano = -9
  /// The number of decimal digits that always fits in 64 bits.
  private static let maximumDigits = 18

  package init(_ written: String) throws(Unreadable) {
    guard !written.isEmpty else { throw .form }
    guard written != "0" else {
      self.init(amount: .small(value: 0, scale: 0), text: written, format: .decimalSI)
      return
    }
    let parts = try Parts(written)
    guard let (base, exponent, format) = Self.suffix(parts.suffix) else { throw .suffix }
    if let value = Self.small(parts, base: base, exponent: exponent) {
      let shifted = parts.whole + parts.fraction
      let isCanonical =
        if format == .binarySI {
          exponent % 10 == 0 && value.digits & 7 != 0
        } else {
          value.scale % 3 == 0 && !shifted.hasSuffix("000") && !shifted.hasPrefix("0")
        }
      self.init(
        amount: .small(value: value.value, scale: value.scale), text: isCanonical ? written : "",
        format: format)
      return
    }
    self.init(big: parts, base: base, exponent: exponent, format: format)
  }

  /// The amount in 64 bits with a decimal exponent, and its digits without the exponent; `nil` where it
  /// does not fit or Go does not try.
  private static func small(
    _ parts: Parts, base: Int, exponent: Int
  ) -> (value: Int64, digits: Int64, scale: Int)? {
    var mantissa: Int64 = 1
    var scale = 0
    if base == 2 {
      let digits = 15 - parts.whole.count - exponent * 3 / 10 - 1
      guard parts.fraction.isEmpty, digits >= 0 else { return nil }
      mantissa = 1 << exponent
    } else {
      guard parts.whole.count + parts.fraction.count <= Self.maximumDigits else { return nil }
      scale = exponent - parts.fraction.count
    }
    guard scale >= Self.nano, let digits = Int64(parts.whole + parts.fraction) else { return nil }
    let (value, overflow) = digits.multipliedReportingOverflow(by: mantissa)
    guard !overflow else { return nil }
    return (parts.isNegative ? -value : value, digits, scale)
  }

  /// More than 38 digits become the largest number that fits.
  private init(big parts: Parts, base: Int, exponent: Int, format: Format) {
    var magnitude = UInt128(parts.whole + parts.fraction) ?? .max
    var places = parts.fraction.count
    if base == 2 {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 1 << exponent)
      magnitude = overflow ? .max : product
    } else {
      places -= exponent
    }
    if magnitude != 0 {
      (magnitude, places) = (Self.round(magnitude, from: places, to: -Self.nano), -Self.nano)
    }
    var format = format
    if format == .binarySI {
      let one: UInt128 = 1_000_000_000
      magnitude = min(magnitude, UInt128(Int64.max) * one)
      // Less than one is no power of two.
      if magnitude > 0, magnitude < one { format = .decimalSI }
    }
    self.init(
      amount: .big(magnitude: magnitude, places: places, isNegative: parts.isNegative), text: "",
      format: format)
  }

  /// The same, rounded away from zero to a thousandth, as the API's defaults do with resources.
  package func roundedToThousandths() -> Self {
    var rounded = self
    switch self.amount {
    case .small(let value, let scale):
      guard scale < -3 else { return self }
      let result = Int64(clamping: Self.round(UInt128(value.magnitude), from: -scale, to: 3))
      rounded.amount = .small(value: value < 0 ? -result : result, scale: -3)
    case .big(let magnitude, let places, let isNegative):
      rounded.amount = .big(
        magnitude: Self.round(magnitude, from: places, to: 3), places: 3, isNegative: isNegative)
    }
    rounded.text = ""
    return rounded
  }

  /// A decimal with another number of places, rounded up; the largest number where it does not fit.
  private static func round(_ magnitude: UInt128, from places: Int, to newPlaces: Int) -> UInt128 {
    var (magnitude, places) = (magnitude, places)
    while places < newPlaces, magnitude > 0 {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      guard !overflow else { return .max }
      (magnitude, places) = (product, places + 1)
    }
    var isCut = false
    while places > newPlaces, magnitude > 0 {
      let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: 10)
      if remainder > 0 { isCut = true }
      (magnitude, places) = (quotient, places - 1)
    }
    return isCut ? magnitude + 1 : magnitude
  }

  /// Base, exponent and format of a suffix; `nil` for an unknown one.
  private static func suffix(_ suffix: Substring) -> (base: Int, exponent: Int, format: Format)? {
    if let exponent = Self.decimalSuffixes[String(suffix)] { return (10, exponent, .decimalSI) }
    if let exponent = Self.binarySuffixes[String(suffix)] { return (2, exponent, .binarySI) }
    guard suffix.hasPrefix("e") || suffix.hasPrefix("E"),
      let exponent = Int32(suffix.dropFirst())
    else { return nil }
    return (10, Int(exponent), .decimalExponent)
  }

  private static let decimalSuffixes = [
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
  ]
  private static let binarySuffixes = ["Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60]

  /// Sign, digits and suffix of a quantity.
  private struct Parts {
    package let isNegative: Bool
    /// Without leading zeros; `0` when no other digit is left.
    package let whole: String
    package let fraction: String
    package let suffix: Substring

    package init(_ written: String) throws(Unreadable) {
      func isDigit(_ character: Character) -> Bool { "0"..."9" ~= character }
      var rest = written[...]
      self.isNegative = rest.first == "-"
      if rest.first == "-" || rest.first == "+" { rest = rest.dropFirst() }
      let whole = rest.drop { $0 == "0" }.prefix(while: isDigit)
      self.whole = whole.isEmpty ? "0" : String(whole)
      rest = rest.drop(while: isDigit)
      if rest.first == "." {
        let fraction = rest.dropFirst().prefix(while: isDigit)
        self.fraction = String(fraction)
        rest = rest.dropFirst().drop(while: isDigit)
      } else {
        self.fraction = ""
      }
      self.suffix = rest
      var end = rest.drop { "eEinumkKMGTP".contains($0) }
      if end.first == "-" || end.first == "+" { end = end.dropFirst() }
      guard end.allSatisfy(isDigit) else { throw .form }
    }
  }
}

extension ResourceQuantity {
  /// The quantity of a manifest's text or number.
  package init(_ value: JSONValue) throws(Unreadable) {
    switch value {
    case .string(let text): try self.init(text.trimmed(\.isWhitespace))
    case .integer(let number): try self.init(String(number))
    case .number(let number): try self.init("\(number)")
    default: throw .form
    }
  }
}
