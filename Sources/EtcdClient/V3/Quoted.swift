/// An integer as the gateway writes it: as text, since JavaScript's numbers have 53 bits.
struct Quoted<Number: FixedWidthInteger & Codable & Sendable>: Codable, Hashable, Sendable {
  var value: Number

  init(_ value: Number) { self.value = value }

  init(from decoder: any Decoder) throws {
    let field = try decoder.singleValueContainer()
    if let text = try? field.decode(String.self) {
      guard let value = Number(text) else {
        throw DecodingError.dataCorruptedError(
          in: field, debugDescription: "\(text) is not a number")
      }
      self.value = value
    } else {
      self.value = try field.decode(Number.self)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var field = encoder.singleValueContainer()
    try field.encode("\(self.value)")
  }
}
