import Foundation

/// The name and the password of an `Authorization` header.
///
/// Source: Go's `Request.BasicAuth`.
struct BasicCredentials: Equatable, Sendable {
  let user: KeyName
  let password: [UInt8]

  /// - Returns: `nil` for any other header.
  init?(_ header: String) {
    let scheme = "Basic "
    let encoded = String(header.dropFirst(scheme.count))
    // Foundation accepts too much padding.
    let paddingLength = encoded.utf8.drop { $0 != UInt8(ascii: "=") }.count
    guard header.prefix(scheme.count).lowercased() == scheme.lowercased(),
      encoded.utf8.count % 4 == 0, paddingLength <= 2, let bytes = Data(base64Encoded: encoded),
      let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
    else { return nil }
    self.user = KeyName(bytes[..<colon])
    self.password = Array(bytes[(colon + 1)...])
  }
}
