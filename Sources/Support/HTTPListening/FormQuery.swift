import Hummingbird

/// The parameters of a URL's query, in the form in which HTML forms, Go's `url.Values` and so kubectl write
/// them: a plus is a blank.
///
/// Source: `application/x-www-form-urlencoded` of the URL standard; Go's `net/url`.
package struct FormQuery: Equatable, Sendable {
  package struct Parameter: Equatable, Sendable {
    package let name: String
    package let value: String
  }

  package let parameters: [Parameter]

  /// - Parameter query: without the question mark; `nil` for none. Percent signs that encode nothing stay.
  package init(_ query: String?) {
    self.parameters = (query ?? "").utf8.split(separator: UInt8(ascii: "&")).map { pair in
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      return Parameter(
        name: Self.decoded(pair[..<equals]), value: Self.decoded(pair[equals...].dropFirst()))
    }
  }

  /// The first value of a parameter, as in Go; empty for a name alone.
  package subscript(name: String) -> String? {
    self.parameters.first { $0.name == name }?.value
  }

  private static func decoded(_ text: Substring.UTF8View) -> String {
    var bytes: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        if rest.count >= 2, let value = Self.byte(rest.prefix(2)) {
          bytes.append(value)
          rest = rest.dropFirst(2)
        } else {
          bytes.append(byte)
        }
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// - Parameter digits: two.
  private static func byte(_ digits: Substring.UTF8View) -> UInt8? {
    digits.reduce(0) { (value: UInt8?, digit) in
      guard let value, let digit = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
      return value << 4 | UInt8(digit)
    }
  }
}

extension Request {
  package var query: FormQuery { FormQuery(self.uri.query) }
}
