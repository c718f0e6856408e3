import NIOHPACK

/// How a call's end is written: headers of HTTP/2.
///
/// Source: gRPC over HTTP/2, `PROTOCOL-HTTP2.md`.
extension RPCStatus {
  private static let okTrailers: HPACKHeaders = ["grpc-status": "0", "grpc-message": ""]
  private static let standardHead = Self.head(CallRequest.standardContentType)

  /// Before the first message.
  static func answerHead(_ contentType: String) -> HPACKHeaders {
    contentType == CallRequest.standardContentType ? self.standardHead : self.head(contentType)
  }

  private static func head(_ contentType: String) -> HPACKHeaders {
    [":status": "200", "content-type": contentType]
  }

  /// After the last message.
  var trailers: HPACKHeaders {
    if self == .ok { return Self.okTrailers }
    var headers = HPACKHeaders()
    self.add(to: &headers)
    return headers
  }

  /// An answer without a message.
  func wholeAnswer(_ contentType: String) -> HPACKHeaders {
    var headers = Self.answerHead(contentType)
    self.add(to: &headers)
    return headers
  }

  private func add(to headers: inout HPACKHeaders) {
    headers.add(name: "grpc-status", value: "\(self.code.rawValue)")
    headers.add(name: "grpc-message", value: Self.percentEncoded(self.text))
  }

  /// All but printable ASCII is encoded, and the percent sign.
  static func percentEncoded(_ text: String) -> String {
    let isPlain = { (byte: UInt8) in (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "%") }
    guard !text.utf8.allSatisfy(isPlain) else { return text }
    let digits = Array("0123456789ABCDEF".utf8)
    return text.utf8.reduce(into: "") { encoded, byte in
      guard !isPlain(byte) else { return encoded.unicodeScalars.append(Unicode.Scalar(byte)) }
      encoded.append("%")
      encoded.unicodeScalars.append(Unicode.Scalar(digits[Int(byte >> 4)]))
      encoded.unicodeScalars.append(Unicode.Scalar(digits[Int(byte & 0x0F)]))
    }
  }
}
