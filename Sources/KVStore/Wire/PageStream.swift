import NIOCore
import NIOHPACK
import NIOHTTP2

/// One request of HTTP/2 that is no call, as a value: it goes on as a request of HTTP/1, and its answer comes back as
/// frames.
///
/// A request is written so that ``RequestParser`` cannot see two in it: names and values have no line end, the body
/// comes in chunks whatever length was announced, and headers of a connection are refused.
///
/// Source: RFC 9113, section 8.
struct PageStream {
  /// What a client has sent that is no request.
  struct Malformed: Error {}

  private enum Answer {
    case head
    case length(Int)
    /// Next: `chunk`, `trailer`.
    case chunkSize
    /// With the line end behind it.
    case chunk(remaining: Int)
    /// The empty line after the last chunk.
    case trailer
    case done
  }

  private var isHead = false
  private var hasBody = false
  private var isStarted = false
  private(set) var isRequestDone = false
  private var answer = Answer.head
  private var output = ByteBuffer()

  var isAnswered: Bool {
    if case .done = self.answer { true } else { false }
  }

  // MARK: The request

  /// - Returns: bytes of HTTP/1.
  mutating func headers(_ headers: HPACKHeaders, isLast: Bool) throws(Malformed) -> ByteBuffer {
    guard !self.isStarted else {
      // Trailers. What they say is for nobody here.
      guard isLast, !self.isRequestDone else { throw Malformed() }
      return self.body(ByteBuffer(), isLast: true)
    }
    self.isStarted = true
    self.isRequestDone = isLast
    self.hasBody = !isLast
    var method: String?
    var path: String?
    var authority: String?
    var host: String?
    var lines = ""
    for (name, value, _) in headers {
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw Malformed()
      }
      switch name {
      case ":method": method = value
      case ":path": path = value
      case ":authority": authority = value
      case ":scheme", "te": break
      case "host":
        guard host == nil || host == value else { throw Malformed() }
        host = value
      case "content-length":
        // A body is written in chunks.
        if isLast, value != "0" { throw Malformed() }
      case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
        "http2-settings":
        throw Malformed()
      default:
        guard name.utf8.allSatisfy(Self.isNameByte), !name.isEmpty else { throw Malformed() }
        lines += "\(name): \(value)\r\n"
      }
    }
    guard let method, let path, method.utf8.allSatisfy(Self.isTokenByte), !method.isEmpty,
      path.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), !path.isEmpty,
      authority == nil || host == nil || authority == host
    else { throw Malformed() }
    self.isHead = method == "HEAD"
    if let host = authority ?? host { lines += "host: \(host)\r\n" }
    if self.hasBody { lines += "transfer-encoding: chunked\r\n" }
    return ByteBuffer(string: "\(method) \(path) HTTP/1.1\r\n\(lines)\r\n")
  }

  /// - Returns: bytes of HTTP/1.
  mutating func body(_ bytes: ByteBuffer, isLast: Bool) -> ByteBuffer {
    guard self.hasBody, !self.isRequestDone else { return ByteBuffer() }
    self.isRequestDone = isLast
    var output = ByteBuffer()
    if bytes.readableBytes > 0 { output.writeChunk(bytes) }
    if isLast { output.writeStaticString("0\r\n\r\n") }
    return output
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    self.isTokenByte(byte) && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }

  // MARK: The answer

  /// - Parameter bytes: what ``ConnectionHandler`` has written, which is one answer of HTTP/1, or the beginning of one
  ///   and its events.
  mutating func answer(_ bytes: ByteBuffer) -> [HTTP2Frame.FramePayload] {
    self.output.writeImmutableBuffer(bytes)
    var frames: [HTTP2Frame.FramePayload] = []
    while let frame = self.nextFrame() { frames.append(contentsOf: frame) }
    return frames
  }

  private mutating func nextFrame() -> [HTTP2Frame.FramePayload]? {
    switch self.answer {
    case .head: return self.answerHead().map { [.headers($0)] }
    case .length(let remaining):
      guard let bytes = self.take(upTo: remaining) else { return nil }
      let rest = remaining - bytes.readableBytes
      self.answer = rest == 0 ? .done : .length(rest)
      return [.data(.init(data: .byteBuffer(bytes), endStream: rest == 0))]
    case .chunkSize:
      guard let line = self.line() else { return nil }
      let size = Int(line, radix: 16) ?? 0
      self.answer = size == 0 ? .trailer : .chunk(remaining: size)
      return []
    case .chunk(0):
      guard self.line() != nil else { return nil }
      self.answer = .chunkSize
      return []
    case .chunk(let remaining):
      guard let bytes = self.take(upTo: remaining) else { return nil }
      self.answer = .chunk(remaining: remaining - bytes.readableBytes)
      return [.data(.init(data: .byteBuffer(bytes)))]
    case .trailer:
      guard self.line() != nil else { return nil }
      self.answer = .done
      return [.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true))]
    case .done: return nil
    }
  }

  private mutating func answerHead() -> HTTP2Frame.FramePayload.Headers? {
    let end = self.output.readableBytesView.firstRange(of: "\r\n\r\n".utf8)
    guard end != nil, let status = self.line()?.split(separator: " ").dropFirst().first else {
      return nil
    }
    var headers: HPACKHeaders = [":status": String(status)]
    var length = 0
    var isChunked = false
    while let line = self.line(), !line.isEmpty {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let name = line[..<colon].lowercased()
      let value = line[colon...].dropFirst().drop { $0 == " " }
      switch name {
      case "connection", "keep-alive": continue
      case "transfer-encoding":
        isChunked = true
        continue
      case "content-length": length = Int(value) ?? 0
      default: break
      }
      headers.add(name: name, value: String(value))
    }
    // `100 Continue`: the answer comes later.
    if status.hasPrefix("1") { return .init(headers: headers) }
    let isEmpty = self.isHead || !isChunked && length == 0
    self.answer = isEmpty ? .done : isChunked ? .chunkSize : .length(length)
    return .init(headers: headers, endStream: isEmpty)
  }

  private mutating func take(upTo count: Int) -> ByteBuffer? {
    self.output.readableBytes == 0
      ? nil : self.output.readSlice(length: min(count, self.output.readableBytes))
  }

  /// Without its end.
  private mutating func line() -> String? {
    guard let end = self.output.readableBytesView.firstRange(of: "\r\n".utf8) else { return nil }
    let line = self.output.readString(length: end.lowerBound - self.output.readerIndex)
    self.output.moveReaderIndex(forwardBy: 2)
    return line
  }
}
