import NIOCore

/// Parses a stream of bytes into parts of HTTP/1 requests.
///
/// It owns no socket: bytes arrive in pieces of any size. After an error the rest of the stream cannot be
/// parsed.
///
/// Source: RFC 9112; where that leaves a choice, Go's `net/http`.
struct RequestParser: Sendable {
  enum Part: Equatable, Sendable {
    case head(RequestHead)
    case body(ByteBuffer)
    case end
  }

  /// In bytes. Go's default is a megabyte.
  static let maxHeadSize = 64 << 10

  private enum State: Equatable {
    /// Waits for a complete head; `scanned` bytes of it were searched for its end. Next: `fixed`,
    /// `chunkSize`.
    case head(scanned: Int)
    /// Next: `head`.
    case fixed(remaining: Int)
    /// Next: `chunk`, `trailer`.
    case chunkSize
    /// Next: `chunkEnd`.
    case chunk(remaining: Int)
    /// The line end after a chunk. Next: `chunkSize`.
    case chunkEnd
    /// Lines after the last chunk, up to an empty one; `size` bytes of them came. Next: `head`.
    case trailer(size: Int)
  }

  private var state = State.head(scanned: 0)

  /// Takes the next part off the front of the input; `nil` when it is incomplete.
  mutating func next(_ input: inout ByteBuffer) throws(RequestError) -> Part? {
    while true {
      switch self.state {
      case .head(let scanned):
        guard let head = try self.head(&input, scanned: scanned) else { return nil }
        switch head.body {
        case .none: self.state = .fixed(remaining: 0)
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
    // Empty lines before a request are allowed.
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
        let head = try RequestHead(parsing: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        return .success((head, end))
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

  /// The index after the empty line that ends the head; `scanned` is where the next search begins.
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
    // The last line end may be the beginning of the end.
    scanned = max(0, bytes.count - 3)
    return nil
  }

  // MARK: The body

  private static let cr = UInt8(ascii: "\r")
  private static let lf = UInt8(ascii: "\n")

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

  /// Chunk extensions are ignored.
  private static func chunkSize(_ line: [UInt8]) throws(RequestError) -> Int {
    let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") && $0 != 0x09 }
    let text = String(decoding: digits, as: UTF8.self)
    guard (1...15).contains(digits.count), digits.first != UInt8(ascii: "+"),
      let size = Int(text, radix: 16), size >= 0
    else { throw .malformed("the chunk size \"\(text)\"") }
    return size
  }
}
