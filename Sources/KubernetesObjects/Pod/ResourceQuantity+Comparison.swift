/// A quantity's worth and its canonical text.
///
/// Source: `apimachinery/pkg/api/resource/quantity.go` Cmp, CanonicalizeBytes.
extension ResourceQuantity {
  /// The quantity of a decoded field; `nil` when it is absent.
  package init?(_ field: ObjectField) {
    guard let value = field.value, let quantity = try? Self(value) else { return nil }
    self = quantity
  }

  /// Digits without zeros at either end, and the power of ten of the last one. No digits are zero.
  private struct Decimal: Equatable {
    var isNegative: Bool
    var digits: [UInt8]
    var exponent: Int

    init(isNegative: Bool, magnitude: some BinaryInteger, exponent: Int) {
      let text = String(magnitude).utf8.map { $0 - UInt8(ascii: "0") }
      let zeros = text.reversed().prefix { $0 == 0 }.count
      let isZero = magnitude == 0
      self.digits = isZero ? [] : Array(text.dropLast(zeros))
      self.exponent = isZero ? 0 : exponent + zeros
      self.isNegative = isNegative && !isZero
    }

    /// Whether the magnitude is smaller.
    func isSmaller(than other: Self) -> Bool {
      if self.digits.isEmpty || other.digits.isEmpty {
        return self.digits.isEmpty && !other.digits.isEmpty
      }
      let (own, others) = (
        self.digits.count + self.exponent, other.digits.count + other.exponent
      )
      return own == others ? self.digits.lexicographicallyPrecedes(other.digits) : own < others
    }

    /// The whole number, if it is one and fits.
    var whole: UInt128? {
      guard self.exponent >= 0 else { return nil }
      var number: UInt128 = 0
      for digit in self.digits + Array(repeating: 0, count: self.exponent) {
        let (product, overflow) = number.multipliedReportingOverflow(by: 10)
        guard !overflow else { return nil }
        let (sum, carry) = product.addingReportingOverflow(UInt128(digit))
        guard !carry else { return nil }
        number = sum
      }
      return number
    }
  }

  private var decimal: Decimal {
    switch self.amount {
    case .small(let value, let scale):
      Decimal(isNegative: value < 0, magnitude: value.magnitude, exponent: scale)
    case .big(let magnitude, let places, let isNegative):
      Decimal(isNegative: isNegative, magnitude: magnitude, exponent: -places)
    }
  }

  /// -1, 0 or 1.
  package var sign: Int {
    let decimal = self.decimal
    return decimal.digits.isEmpty ? 0 : decimal.isNegative ? -1 : 1
  }

  package var isWhole: Bool { self.decimal.exponent >= 0 }

  package func isEqual(to other: Self) -> Bool { self.decimal == other.decimal }

  package func isLess(than other: Self) -> Bool {
    let (own, others) = (self.decimal, other.decimal)
    guard own.isNegative == others.isNegative else { return own.isNegative }
    return own.isNegative ? others.isSmaller(than: own) : own.isSmaller(than: others)
  }

  /// Whether it is a whole number of times as much.
  package func isMultiple(of other: Self) -> Bool {
    guard let own = self.decimal.whole, let others = other.decimal.whole, other.sign > 0 else {
      return false
    }
    return own % others == 0
  }
}

extension ResourceQuantity: CustomStringConvertible {
  /// The canonical text: `500m` for `0.5`.
  package var description: String {
    if !self.text.isEmpty { return self.text }
    let decimal = self.decimal
    guard !decimal.digits.isEmpty else { return "0" }
    let sign = decimal.isNegative ? "-" : ""
    if self.format == .binarySI, let number = decimal.whole, number >= 1024 {
      var (number, power) = (number, 0)
      while number % 1024 == 0, power < Self.binaryUnits.count - 1 {
        (number, power) = (number / 1024, power + 1)
      }
      return "\(sign)\(number)\(Self.binaryUnits[power])"
    }
    // The exponent becomes a multiple of three.
    let zeros = ((decimal.exponent % 3) + 3) % 3
    let exponent = decimal.exponent - zeros
    let digits = String(decoding: decimal.digits.map { $0 + UInt8(ascii: "0") }, as: UTF8.self)
    let number = sign + digits + String(repeating: "0", count: zeros)
    let isExponential = self.format != .decimalSI && self.format != .binarySI
    if !isExponential, let unit = Self.decimalUnits[exponent] { return number + unit }
    return exponent == 0 ? number : "\(number)e\(exponent)"
  }

  private static let binaryUnits = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
  private static let decimalUnits = [
    -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E",
  ]
}
