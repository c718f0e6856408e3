import NIOCore
import NIOHTTP1

/// What stands before the body of a request, as far as this server looks at it.
struct RequestHead: Equatable, Sendable {
  var method: HTTPMethod
  /// As it stands in the request line: a path with its query, percent-encoded or not.
  var target: [UInt8]
  /// HTTP/1.0, whose answers end with the connection unless the client says otherwise.
  var isHTTP10 = false
  var isKeepAlive = true
  var body = BodyLength.none
  /// The client sends its body only when it is told to go on.
  var expectsContinue = false
  var contentType: String?
  var authorization: String?
  var origin: String?

  enum BodyLength: Equatable, Sendable {
    case none
    case bytes(Int)
    case chunked
  }
}

/// Takes HTTP/1 requests out of a stream of bytes, as many at a time as have come.
///
/// A value without a socket: bytes go in as they arrive, in pieces of any size, and parts of requests
/// come out. After an error nothing more can be read from the stream.
///
/// Source: RFC 9112; where that leaves a choice, what Go's `net/http` does.
struct RequestParser: Sendable {
  enum Part: Equatable, Sendable {
    case head(RequestHead)
    case body(ByteBuffer)
    case end
  }

  /// The longest head that is taken, in bytes. Go's default is a megabyte.
  static let maxHeadSize = 64 << 10

  private enum State: Equatable {
    /// Waits for a whole head, of which so many bytes were looked at. Next: `fixed`, `chunkSize`, `head`.
    case head(scanned: Int)
    /// Next: `head`.
    case fixed(remaining: Int)
    /// Next: `chunk`, `trailer`.
    case chunkSize
    /// Next: `chunkEnd`.
    case chunk(remaining: Int)
    /// The line end after a chunk. Next: `chunkSize`.
    case chunkEnd
    /// Lines after the last chunk, up to an empty one; so many bytes of them came. Next: `head`.
    case trailer(size: Int)
  }

  private var state = State.head(scanned: 0)

  /// Whether a request has begun and not ended.
  var isWithinRequest: Bool {
    if case .head = self.state { false } else { true }
  }

  /// The next part, taken off the front of the input; `nil` when more bytes are needed for it.
  /// - Throws: the answer that the client gets before the connection is closed.
  mutating func next(_ input: inout ByteBuffer) throws(RequestError) -> Part? {
    while true {
      switch self.state {
      case .head(let scanned):
        guard let head = try self.head(&input, scanned: scanned) else { return nil }
        switch head.body {
        case .none, .bytes(0): self.state = .fixed(remaining: 0)
        case .bytes(let count): self.state = .fixed(remaining: count)
        case .chunked: self.state = .chunkSize
        }
        return .head(head)
      case .fixed(0):
        self.state = .head(scanned: 0)
        return .end
      case .fixed(let remaining):
        guard let part = Self.take(upTo: remaining, of: &input) else { return nil }
        self.state = .fixed(remaining: remaining - part.readableBytes)
        return .body(part)
      case .chunkSize:
        guard let line = try Self.line(&input) else { return nil }
        let size = try Self.chunkSize(line)
        self.state = size == 0 ? .trailer(size: 0) : .chunk(remaining: size)
      case .chunk(0):
        self.state = .chunkEnd
      case .chunk(let remaining):
        guard let part = Self.take(upTo: remaining, of: &input) else { return nil }
        self.state = .chunk(remaining: remaining - part.readableBytes)
        return .body(part)
      case .chunkEnd:
        guard let line = try Self.line(&input) else { return nil }
        guard line.isEmpty else { throw .malformed("no line end after a chunk") }
        self.state = .chunkSize
      case .trailer(let size):
        guard let line = try Self.line(&input) else { return nil }
        if line.isEmpty {
          self.state = .head(scanned: 0)
          return .end
        }
        guard size + line.count <= Self.maxHeadSize else { throw .headTooLarge }
        self.state = .trailer(size: size + line.count)
      }
    }
  }

  // MARK: The head

  private mutating func head(
    _ input: inout ByteBuffer, scanned: Int
  ) throws(RequestError) -> RequestHead? {
    // Empty lines before a request are let pass.
    var scanned = scanned
    while scanned == 0, let byte = input.getInteger(at: input.readerIndex, as: UInt8.self),
      byte == Self.cr || byte == Self.lf
    {
      input.moveReaderIndex(forwardBy: 1)
    }
    let result = input.withUnsafeReadableBytes {
      bytes -> Result<(RequestHead, Int), RequestError>? in
      guard let end = Self.endOfHead(bytes, from: &scanned) else { return nil }
      do throws(RequestError) {
        return .success((try Self.parse(UnsafeRawBufferPointer(rebasing: bytes[..<end])), end))
      } catch {
        return .failure(error)
      }
    }
    guard let result else {
      guard input.readableBytes <= Self.maxHeadSize else { throw .headTooLarge }
      self.state = .head(scanned: scanned)
      return nil
    }
    let (head, size) = try result.get()
    guard size <= Self.maxHeadSize else { throw .headTooLarge }
    input.moveReaderIndex(forwardBy: size)
    return head
  }

  /// Where the empty line ends that ends the head; notes how far it has looked.
  private static func endOfHead(_ bytes: UnsafeRawBufferPointer, from scanned: inout Int) -> Int? {
    var position = scanned
    while position < bytes.count {
      guard bytes[position] == self.lf else {
        position += 1
        continue
      }
      let next = position + 1
      if next < bytes.count, bytes[next] == self.lf { return next + 1 }
      if next + 1 < bytes.count, bytes[next] == self.cr, bytes[next + 1] == self.lf {
        return next + 2
      }
      position = next
    }
    // The line end that was seen last may be the beginning of the end.
    scanned = max(0, bytes.count - 3)
    return nil
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer) throws(RequestError) -> RequestHead {
    var lines = Lines(bytes)
    guard let requestLine = lines.next() else { throw .malformed("no request line") }
    var head = try self.requestLine(requestLine)
    var contentLength: Int?
    var hasHost = false
    while let line = lines.next(), !line.isEmpty {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
        throw .malformed("a header line without a name")
      }
      let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
      guard name.allSatisfy(self.isToken) else {
        throw .malformed("a header name with \"\(self.excerpt(name))\"")
      }
      let value = self.trimmed(line[(colon + 1)...])
      if self.equal(name, "content-length") {
        guard let length = self.decimal(value), contentLength ?? length == length else {
          throw .malformed("Content-Length \"\(self.excerpt(value))\"")
        }
        contentLength = length
      } else if self.equal(name, "transfer-encoding") {
        guard self.equal(value, "chunked"), head.body == .none else {
          throw .unsupported("Transfer-Encoding \"\(self.excerpt(value))\"")
        }
        head.body = .chunked
      } else if self.equal(name, "connection") {
        for option in self.text(value).lowercased().split(separator: ",") {
          switch option.drop(while: \.isWhitespace) {
          case "close": head.isKeepAlive = false
          case "keep-alive" where head.isHTTP10: head.isKeepAlive = true
          default: break
          }
        }
      } else if self.equal(name, "host") {
        hasHost = true
      } else if self.equal(name, "content-type") {
        head.contentType = self.text(value)
      } else if self.equal(name, "expect") {
        guard self.equal(value, "100-continue") else {
          throw .expectationFailed(self.excerpt(value))
        }
        head.expectsContinue = !head.isHTTP10
      } else if self.equal(name, "authorization") {
        // As in Go: of several the first one counts.
        head.authorization = head.authorization ?? self.text(value)
      } else if self.equal(name, "origin") {
        head.origin = self.text(value)
      }
    }
    if let contentLength {
      // Two lengths for one body: whoever stands between the client and us may have taken the other.
      guard head.body == .none else {
        throw .malformed("both Content-Length and Transfer-Encoding")
      }
      head.body = .bytes(contentLength)
    }
    guard hasHost || head.isHTTP10 else { throw .malformed("no Host header") }
    return head
  }

  private static func requestLine(_ line: Slice) throws(RequestError) -> RequestHead {
    guard let first = line.firstIndex(of: self.space), let last = line.lastIndex(of: self.space),
      first < last
    else { throw .malformed("the request line \"\(self.excerpt(line))\"") }
    let (method, target) = (line[..<first], line[(first + 1)..<last])
    guard !method.isEmpty, method.allSatisfy(self.isToken) else {
      throw .malformed("the method \"\(self.excerpt(method))\"")
    }
    guard !target.isEmpty, target.allSatisfy({ $0 > self.space && $0 != 0x7F }) else {
      throw .malformed("the target \"\(self.excerpt(target))\"")
    }
    let version = UnsafeRawBufferPointer(rebasing: line[(last + 1)...])
    let isHTTP10 = self.equal(version, "HTTP/1.0", ignoringCase: false)
    guard isHTTP10 || self.equal(version, "HTTP/1.1", ignoringCase: false) else {
      throw .unsupportedVersion(self.excerpt(version))
    }
    return RequestHead(
      method: self.method(UnsafeRawBufferPointer(rebasing: method)), target: Array(target),
      isHTTP10: isHTTP10, isKeepAlive: !isHTTP10)
  }

  /// Methods are case-sensitive.
  private static func method(_ bytes: UnsafeRawBufferPointer) -> HTTPMethod {
    for known in [HTTPMethod.GET, .PUT, .POST, .DELETE, .HEAD, .OPTIONS]
    where self.equal(bytes, known.staticName, ignoringCase: false) {
      return known
    }
    return .RAW(value: self.text(bytes))
  }

  // MARK: Pieces

  private typealias Slice = Swift.Slice<UnsafeRawBufferPointer>
  private static let cr = UInt8(ascii: "\r")
  private static let lf = UInt8(ascii: "\n")
  private static let space = UInt8(ascii: " ")

  /// The lines of a head, without their ends.
  private struct Lines {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
      self.bytes = bytes
    }

    mutating func next() -> Slice? {
      guard let end = self.bytes[self.position...].firstIndex(of: RequestParser.lf) else {
        return nil
      }
      let hasCR = end > self.position && self.bytes[end - 1] == RequestParser.cr
      defer { self.position = end + 1 }
      return self.bytes[self.position..<(hasCR ? end - 1 : end)]
    }
  }

  private static func take(upTo count: Int, of input: inout ByteBuffer) -> ByteBuffer? {
    input.readableBytes == 0 ? nil : input.readSlice(length: min(count, input.readableBytes))
  }

  /// One line of a chunked body, without its end.
  private static func line(_ input: inout ByteBuffer) throws(RequestError) -> [UInt8]? {
    guard let end = input.readableBytesView.firstIndex(of: self.lf) else {
      guard input.readableBytes <= self.maxHeadSize else { throw .headTooLarge }
      return nil
    }
    var line = input.readBytes(length: end - input.readerIndex) ?? []
    input.moveReaderIndex(forwardBy: 1)
    if line.last == self.cr { line.removeLast() }
    return line
  }

  /// A chunk's size; what an extension says is passed over.
  private static func chunkSize(_ line: [UInt8]) throws(RequestError) -> Int {
    let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != self.space && $0 != 0x09 }
    let text = String(decoding: digits, as: UTF8.self)
    guard (1...15).contains(digits.count), digits.first != UInt8(ascii: "+"),
      let size = Int(text, radix: 16), size >= 0
    else { throw .malformed("the chunk size \"\(text)\"") }
    return size
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

  private static func trimmed(_ slice: Slice) -> UnsafeRawBufferPointer {
    var slice = slice
    while let byte = slice.first, byte == self.space || byte == 0x09 { slice = slice.dropFirst() }
    while let byte = slice.last, byte == self.space || byte == 0x09 { slice = slice.dropLast() }
    return UnsafeRawBufferPointer(rebasing: slice)
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

  private static func text(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }

  /// Enough of it to recognise it in a message.
  private static func excerpt(_ bytes: some Collection<UInt8>) -> String {
    self.text(bytes.prefix(100))
  }
}

extension HTTPMethod {
  /// The name without an allocation, for the methods that are met all the time.
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

/// Bytes that are no request; the connection ends with the answer to them.
enum RequestError: Error, Equatable, Sendable {
  case malformed(String)
  case headTooLarge
  case unsupported(String)
  case unsupportedVersion(String)
  case expectationFailed(String)
  /// The head or the body did not come in time.
  case tooSlow

  var response: Response {
    switch self {
    case .malformed(let what): .text(.badRequest, "400 Bad Request: \(what)\n")
    case .headTooLarge:
      .text(
        .requestHeaderFieldsTooLarge,
        "431 Request Header Fields Too Large: more than \(RequestParser.maxHeadSize) bytes\n")
    case .unsupported(let what): .text(.notImplemented, "501 Not Implemented: \(what)\n")
    case .unsupportedVersion(let version):
      .text(.httpVersionNotSupported, "505 HTTP Version Not Supported: \"\(version)\"\n")
    case .expectationFailed(let what):
      .text(.expectationFailed, "417 Expectation Failed: \"\(what)\"\n")
    case .tooSlow: .text(.requestTimeout, "408 Request Timeout\n")
    }
  }
}
