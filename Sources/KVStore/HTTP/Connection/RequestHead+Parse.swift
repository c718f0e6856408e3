import NIOHTTP1

/// Source: RFC 9112; where that leaves a choice, Go's `net/http`.
extension RequestHead {
  /// - Parameter bytes: up to the empty line at the end.
  init(parsing bytes: UnsafeRawBufferPointer) throws(RequestError) {
    var lines = HeadLines(bytes)
    guard let requestLine = try lines.next() else { throw .malformed("no request line") }
    try self.init(requestLine: requestLine)
    var contentLength: Int?
    var (closes, isKept) = (false, false)
    while let line = try lines.next(), !line.isEmpty {
      let (name, value) = try Self.field(line)
      if Self.equal(name, "content-length") {
        guard let length = Self.decimal(value), contentLength ?? length == length else {
          throw .malformed("Content-Length \"\(Self.excerpt(value))\"")
        }
        contentLength = length
      } else if Self.equal(name, "transfer-encoding") {
        guard Self.equal(value, "chunked"), self.body == .none else {
          throw .unsupported("Transfer-Encoding \"\(Self.excerpt(value))\"")
        }
        // A proxy that knows only HTTP/1.0 finds another end of the request.
        guard !self.isHTTP10 else { throw .malformed("Transfer-Encoding in HTTP/1.0") }
        self.body = .chunked
      } else if Self.equal(name, "connection") {
        for option in value.split(separator: UInt8(ascii: ",")) {
          let option = Self.trimmed(option)
          if Self.equal(option, "close") { closes = true }
          if Self.equal(option, "keep-alive") { isKept = true }
        }
      } else if Self.equal(name, "host") {
        guard self.host == nil else { throw .malformed("more than one Host header") }
        guard value.allSatisfy(Self.isHostByte) else {
          throw .malformed("Host \"\(Self.excerpt(value))\"")
        }
        self.host = Self.text(value)
      } else if Self.equal(name, "expect") {
        guard Self.equal(value, "100-continue") else {
          throw .expectationFailed(Self.excerpt(value))
        }
        self.expectsContinue = !self.isHTTP10
      } else {
        self.take(name, value)
      }
    }
    if let contentLength {
      // A proxy between the client and this server may have chosen the other one of two lengths.
      guard self.body == .none else {
        throw .malformed("both Content-Length and Transfer-Encoding")
      }
      self.body = .bytes(contentLength)
    }
    self.isKeepAlive = !closes && (isKept || !self.isHTTP10)
    guard self.host != nil || self.isHTTP10 else { throw .malformed("no Host header") }
  }

  /// Of several headers of one name the first one counts, as in Go.
  private mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    if Self.equal(name, "content-type") {
      self.contentType = self.contentType ?? Self.text(value)
    } else if Self.equal(name, "authorization") {
      self.authorization = self.authorization ?? Self.text(value)
    } else if Self.equal(name, "origin") {
      self.origin = self.origin ?? Self.text(value)
    } else if Self.equal(name, "sec-fetch-site") {
      self.fetchSite = self.fetchSite ?? Self.text(value)
    }
  }

  /// The name and the value of a header or trailer line. A control character, also in a header that nobody
  /// reads, may end the line for a proxy.
  static func field(
    _ line: Slice<UnsafeRawBufferPointer>
  ) throws(RequestError) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
      throw .malformed("a header line without a name")
    }
    let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
    guard name.allSatisfy(Self.isToken) else {
      throw .malformed("a header name with \"\(Self.excerpt(name))\"")
    }
    let value = Self.trimmed(line[(colon + 1)...])
    guard !value.contains(where: Self.isControl) else {
      throw .malformed("a control character in \(Self.excerpt(name))")
    }
    return (name, value)
  }

  private init(requestLine line: HeadLines.Line) throws(RequestError) {
    let space = UInt8(ascii: " ")
    guard let first = line.firstIndex(of: space), let last = line.lastIndex(of: space), first < last
    else { throw .malformed("the request line \"\(Self.excerpt(line))\"") }
    let (method, target) = (line[..<first], line[(first + 1)..<last])
    guard !method.isEmpty, method.allSatisfy(Self.isToken) else {
      throw .malformed("the method \"\(Self.excerpt(method))\"")
    }
    let version = UnsafeRawBufferPointer(rebasing: line[(last + 1)...])
    let isHTTP10 = try Self.isHTTP10(version)
    self.init(
      method: Self.method(UnsafeRawBufferPointer(rebasing: method)), target: Array(target),
      isHTTP10: isHTTP10)
    guard target.allSatisfy({ $0 > space && $0 != 0x7F }),
      Self.isTarget(target, of: self.method)
    else { throw .malformed("the target \"\(Self.excerpt(target))\"") }
  }

  /// A later HTTP/1 is served like HTTP/1.1.
  private static func isHTTP10(_ version: UnsafeRawBufferPointer) throws(RequestError) -> Bool {
    if self.equal(version, "HTTP/1.1", ignoringCase: false) { return false }
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    guard version.count == 8, version.starts(with: "HTTP/".utf8), isDigit(version[5]),
      version[6] == UInt8(ascii: "."), isDigit(version[7])
    else { throw .malformed("the version \"\(self.excerpt(version))\"") }
    guard version[5] == UInt8(ascii: "1") else { throw .unsupportedVersion(self.excerpt(version)) }
    return version[7] == UInt8(ascii: "0")
  }

  /// Whether it is a path or a URL, or what only OPTIONS and CONNECT may have.
  private static func isTarget(_ target: HeadLines.Line, of method: HTTPMethod) -> Bool {
    switch target.first {
    case nil: false
    case UInt8(ascii: "/"): true
    case UInt8(ascii: "*"): method == .OPTIONS && target.count == 1
    default: method.rawValue == "CONNECT" || RequestTarget.scheme(of: target) != nil
    }
  }

  /// Methods are case-sensitive.
  private static func method(_ bytes: UnsafeRawBufferPointer) -> HTTPMethod {
    for known in [HTTPMethod.GET, .PUT, .POST, .DELETE, .HEAD, .OPTIONS]
    where self.equal(bytes, known.staticName, ignoringCase: false) {
      return known
    }
    return .RAW(value: self.text(bytes))
  }

  private static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard (1...18).contains(bytes.count) else { return nil }
    var number = 0
    for byte in bytes {
      guard (0x30...0x39).contains(byte) else { return nil }
      number = number * 10 + Int(byte - 0x30)
    }
    return number
  }

  private static func trimmed(_ line: Slice<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == 0x09 }
    var line = line.drop(while: isBlank)
    while let byte = line.last, isBlank(byte) { line = line.dropLast() }
    return UnsafeRawBufferPointer(rebasing: line)
  }

  private static func equal(
    _ bytes: UnsafeRawBufferPointer, _ text: StaticString, ignoringCase: Bool = true
  ) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for position in 0..<bytes.count {
      var byte = bytes[position]
      if ignoringCase, (0x41...0x5A).contains(byte) { byte |= 0x20 }
      if byte != text.utf8Start[position] { return false }
    }
    return true
  }

  /// Source: RFC 9110, `tchar`.
  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case UInt8(ascii: "!"), 0x23...0x27, UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "."), 0x5E...0x60, UInt8(ascii: "|"), UInt8(ascii: "~"):
      true
    default: false
    }
  }

  private static func isControl(_ byte: UInt8) -> Bool {
    byte < 0x20 && byte != 0x09 || byte == 0x7F
  }

  /// Source: `ValidHostHeader` of `golang.org/x/net/http/httpguts`.
  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "!"), 0x24...0x2E,
      UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "["),
      UInt8(ascii: "]"), UInt8(ascii: "_"), UInt8(ascii: "~"):
      true
    default: false
    }
  }

  private static func text(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }

  /// Enough to recognise it in a message.
  private static func excerpt(_ bytes: some Collection<UInt8>) -> String {
    self.text(bytes.prefix(100))
  }
}

/// The lines of a head, without their ends: all CR and LF, or all LF, as from a human with `nc`. A mixture comes
/// from one who hopes that a proxy takes a lone LF for a part of a header.
private struct HeadLines {
  typealias Line = Slice<UnsafeRawBufferPointer>

  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var haveCR: Bool?

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  mutating func next() throws(RequestError) -> Line? {
    guard let end = self.bytes[self.position...].firstIndex(of: UInt8(ascii: "\n")) else {
      return nil
    }
    let hasCR = end > self.position && self.bytes[end - 1] == UInt8(ascii: "\r")
    guard self.haveCR ?? hasCR == hasCR else {
      throw .malformed("lines that end in CR and LF beside lines that end in LF")
    }
    self.haveCR = hasCR
    defer { self.position = end + 1 }
    return self.bytes[self.position..<(hasCR ? end - 1 : end)]
  }
}

extension HTTPMethod {
  /// The name without an allocation, for the frequent methods.
  fileprivate var staticName: StaticString {
    switch self {
    case .GET: "GET"
    case .PUT: "PUT"
    case .POST: "POST"
    case .DELETE: "DELETE"
    case .HEAD: "HEAD"
    case .OPTIONS: "OPTIONS"
    default: ""
    }
  }
}
