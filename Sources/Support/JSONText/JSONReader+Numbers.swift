extension JSONReader {
  package mutating func number() throws(JSONError) -> Number { try self.literal().number }

  /// A number, and whether it is written without a fraction and an exponent.
  package mutating func literal() throws(JSONError) -> (number: Number, isWhole: Bool) {
    let (text, isWhole) = try self.digits()
    return (try self.number(text, isWhole: isWhole), isWhole)
  }

  private func number(_ text: String, isWhole: Bool) throws(JSONError) -> Number {
    // The usual case.
    if isWhole, let number = Int64(text) { return .integer(number) }
    guard let number = Double(text), number.isFinite else {
      throw self.wrong("a number is out of range")
    }
    // An integer of too many digits is not rounded to one that fits.
    return isWhole ? .other(number) : Int64(exactly: number).map { .integer($0) } ?? .other(number)
  }

  /// - Throws: for a negative number, one out of range, or one with a fraction.
  package mutating func unsigned() throws(JSONError) -> UInt64 {
    let (text, _) = try self.digits()
    guard let number = UInt64(text) else { throw self.wrong("a number is not an integer in range") }
    return number
  }

  /// - Throws: for a number out of range or with a fraction.
  package mutating func integer() throws(JSONError) -> Int64 {
    guard case .integer(let number) = try self.number() else {
      throw self.wrong("a number is not an integer in range")
    }
    return number
  }

  private mutating func digits() throws(JSONError) -> (text: String, isWhole: Bool) {
    _ = self.next()
    let start = self.position
    var isWhole = true
    self.pass(UInt8(ascii: "-"))
    if !self.pass(UInt8(ascii: "0")) { try self.passDigits() }
    if self.pass(UInt8(ascii: ".")) {
      isWhole = false
      try self.passDigits()
    }
    if self.pass(UInt8(ascii: "e")) || self.pass(UInt8(ascii: "E")) {
      isWhole = false
      if !self.pass(UInt8(ascii: "+")) { self.pass(UInt8(ascii: "-")) }
      try self.passDigits()
    }
    return (String(decoding: self.bytes[start..<self.position], as: UTF8.self), isWhole)
  }

  @discardableResult
  private mutating func pass(_ byte: UInt8) -> Bool {
    guard self.position < self.bytes.count, self.bytes[self.position] == byte else { return false }
    self.position += 1
    return true
  }

  private mutating func passDigits() throws(JSONError) {
    let start = self.position
    while self.position < self.bytes.count,
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self.bytes[self.position])
    {
      self.position += 1
    }
    guard self.position > start else { throw self.wrong("a digit is missing") }
  }
}
