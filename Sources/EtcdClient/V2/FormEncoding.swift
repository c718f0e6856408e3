/// `application/x-www-form-urlencoded`, with a space as `%20`, which is valid in a path, too.
enum FormEncoding {
  /// Without the fields that are `nil`.
  static func encode(_ fields: [(String, String?)]) -> String {
    fields.compactMap { name, value in value.map { "\(self.escape(name))=\(self.escape($0))" } }
      .joined(separator: "&")
  }

  /// Escapes all but the unreserved characters of RFC 3986.
  static func escape(_ text: some StringProtocol) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }
}
