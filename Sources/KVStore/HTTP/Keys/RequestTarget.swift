/// The path and the query of a request line, as Go's `net/url` and `ServeMux` read them.
struct RequestTarget: Equatable, Sendable {
  /// Decoded.
  let path: [UInt8]
  /// Still encoded.
  let query: [UInt8]?
  /// Of an absolute URL; it counts instead of the header `Host`.
  let authority: String?

  /// - Parameter bytes: from the request line; an absolute URL is allowed.
  /// - Returns: `nil` when a percent sign in the path lacks two hexadecimal digits.
  init?(_ bytes: [UInt8]) {
    var bytes = bytes[...]
    var authority: String?
    let questionOrSlash = [UInt8(ascii: "?"), UInt8(ascii: "/")]
    if let scheme = Self.scheme(of: bytes) {
      let rest = bytes.dropFirst(scheme + "://".utf8.count)
      authority = String(decoding: rest.prefix { !questionOrSlash.contains($0) }, as: UTF8.self)
      bytes = rest.drop { !questionOrSlash.contains($0) }
      if bytes.first != StorePath.slash { bytes = [StorePath.slash] + bytes }
    }
    let questionMark = bytes.firstIndex(of: UInt8(ascii: "?"))
    guard
      let path = try? PercentEncoding.decode(bytes[..<(questionMark ?? bytes.endIndex)])
    else { return nil }
    self.path = path
    self.authority = authority
    self.query = questionMark.map { Array(bytes[($0 + 1)...]) }
  }

  /// The length of the scheme of an absolute URL; `nil` for anything else.
  static func scheme(of target: some Collection<UInt8>) -> Int? {
    var length = 0
    for byte in target {
      switch byte {
      case 0x41...0x5A, 0x61...0x7A: length += 1
      case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        guard length > 0 else { return nil }
        length += 1
      default:
        return length > 0 && target.dropFirst(length).starts(with: "://".utf8) ? length : nil
      }
    }
    return nil
  }

  /// The clean form of a path with empty, `.` or `..` components; `nil` for a clean one.
  ///
  /// Source: `cleanPath` of Go's `net/http`, which keeps a slash at the end.
  var redirection: String? {
    guard !self.isPlainlyClean else { return nil }
    var clean: [ArraySlice<UInt8>] = []
    let components = self.path.split(separator: StorePath.slash, omittingEmptySubsequences: false)
    for component in components where !component.isEmpty && component != [UInt8(ascii: ".")] {
      if component == Array("..".utf8)[...] {
        _ = clean.popLast()
      } else {
        clean.append(component)
      }
    }
    var path = clean.flatMap { [StorePath.slash] + $0 }
    if path.isEmpty || self.path.last == StorePath.slash { path.append(StorePath.slash) }
    guard path != self.path else { return nil }
    let query = self.query.map { "?" + PercentEncoding.asciiOnly($0) } ?? ""
    return PercentEncoding.encodedPath(path) + query
  }
}

extension RequestTarget {
  /// No component is empty or begins with a dot. This is quick, and true for most paths.
  private var isPlainlyClean: Bool {
    guard self.path.first == StorePath.slash else { return false }
    return !zip(self.path, self.path.dropFirst()).contains { byte, next in
      byte == StorePath.slash && (next == StorePath.slash || next == UInt8(ascii: "."))
    }
  }
}
