/// The common name in the subject of an X.509 certificate: a user's name for etcd.
///
/// Source: RFC 5280, X.690; `Subject.CommonName` of Go's `crypto/x509`, for which the last one counts.
enum CertificateName {
  /// - Parameter der: the certificate.
  /// - Returns: the name as UTF-8; `nil` when the subject has none.
  static func commonName(der: [UInt8]) -> [UInt8]? {
    var der = DERReader(der[...])
    guard var certificate = der.next(tag: DERReader.sequence),
      var body = certificate.next(tag: DERReader.sequence)
    else { return nil }
    // The version is optional; then come serial number, algorithm, issuer and validity.
    _ = body.next(tag: DERReader.version)
    for _ in 0..<4 where body.next() == nil { return nil }
    guard var subject = body.next(tag: DERReader.sequence) else { return nil }
    var name: [UInt8]?
    while var set = subject.next(tag: DERReader.set) {
      while var attribute = set.next(tag: DERReader.sequence) {
        guard
          attribute.next(tag: DERReader.objectIdentifier)?.bytes == Self.commonNameIdentifier[...],
          let value = attribute.next()
        else { continue }
        name = Self.text(value)
      }
    }
    return name?.isEmpty == true ? nil : name
  }

  /// 2.5.4.3
  private static let commonNameIdentifier: [UInt8] = [0x55, 0x04, 0x03]

  private static func text(_ value: (tag: UInt8, content: DERReader)) -> [UInt8]? {
    let bytes = value.content.bytes
    switch value.tag {
    // UTF8String, NumericString, PrintableString, T61String and IA5String.
    case 0x0C, 0x12, 0x13, 0x14, 0x16: return Array(bytes)
    // BMPString.
    case 0x1E where bytes.count % 2 == 0:
      let units = stride(from: bytes.startIndex, to: bytes.endIndex, by: 2).map {
        UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
      }
      return Array(String(decoding: units, as: UTF16.self).utf8)
    default: return nil
    }
  }
}

/// Takes the elements of a DER encoding off its front.
private struct DERReader {
  static let (sequence, set, objectIdentifier, version): (UInt8, UInt8, UInt8, UInt8) =
    (0x30, 0x31, 0x06, 0xA0)

  private(set) var bytes: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
  }

  /// The next element; `nil` at the end, and for a length that is not there.
  mutating func next() -> (tag: UInt8, content: DERReader)? {
    var rest = self.bytes
    guard let tag = rest.popFirst(), let first = rest.popFirst() else { return nil }
    var length = Int(first)
    if first >= 0x80 {
      guard (0x81...0x84).contains(first) else { return nil }
      length = 0
      for _ in 0..<(first - 0x80) {
        guard let byte = rest.popFirst() else { return nil }
        length = length << 8 | Int(byte)
      }
    }
    guard length <= rest.count else { return nil }
    self.bytes = rest.dropFirst(length)
    return (tag, DERReader(rest.prefix(length)))
  }

  /// The content of the next element if it has the tag.
  mutating func next(tag: UInt8) -> DERReader? {
    guard self.bytes.first == tag else { return nil }
    return self.next()?.content
  }
}
