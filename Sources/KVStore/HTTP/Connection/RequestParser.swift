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

  /// In bytes; Go's default, with its buffer. Clients put values into the query, as large as a form's.
  static let maxHeadSize = (1 << 20) + 4096
  /// In bytes: the line of a chunk's size, and all lines after the last chunk. Go's `chunkedReader` has the
  /// first one.
  static let (maxChunkLineSize, maxTrailerSize) = (4096, 64 << 10)

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
        guard let line = try Self.line(&input, maxSize: Self.maxChunkLineSize) else { return nil }
        let size = try Self.chunkSize(line)
        self.state = size == 0 ? .trailer(size: 0) : .chunk(remaining: size)
      case .chunk(0):
        self.state = .chunkEnd
      case .chunk(let remaining):
        guard let part = Self.take(upTo: remaining, of: &input) else { return nil }
        self.state = .chunk(remaining: remaining - part.readableBytes)
        return .body(part)
      case .chunkEnd:
        let end = input.readableBytesView.prefix(2)
        guard end.elementsEqual([Self.cr, Self.lf].prefix(end.count)) else {
          throw .malformed("no line end after a chunk")
        }
        guard end.count == 2 else { return nil }
        input.moveReaderIndex(forwardBy: 2)
        self.state = .chunkSize
      case .trailer(let size):
        guard let line = try Self.line(&input, maxSize: Self.maxTrailerSize) else { return nil }
        if line.isEmpty {
          self.state = .head(scanned: 0)
          return .end
        }
        guard size + line.count <= Self.maxTrailerSize else { throw .headTooLarge }
        try Self.checkTrailer(line)
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
    while scanned == 0, let length = Self.emptyLine(input) {
      input.moveReaderIndex(forwardBy: length)
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

  /// The length of an empty line at the front.
  private static func emptyLine(_ input: ByteBuffer) -> Int? {
    switch input.getInteger(at: input.readerIndex, as: UInt8.self) {
    case self.lf: 1
    case self.cr where input.getInteger(at: input.readerIndex + 1) == self.lf: 2
    default: nil
    }
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

  /// One line of a chunked body, without its end, which is CR and LF: where a lone LF is one for this server,
  /// a proxy may see one request where this server sees two.
  private static func line(
    _ input: inout ByteBuffer, maxSize: Int
  ) throws(RequestError) -> [UInt8]? {
    guard let end = input.readableBytesView.prefix(maxSize).firstIndex(of: self.lf) else {
      guard input.readableBytes < maxSize else { throw .headTooLarge }
      return nil
    }
    var line = input.readBytes(length: end - input.readerIndex) ?? []
    input.moveReaderIndex(forwardBy: 1)
    guard line.popLast() == self.cr, !line.contains(self.cr), !line.contains(0) else {
      throw .malformed("a line of a chunked body that does not end in CR and LF")
    }
    return line
  }

  /// Chunk extensions are ignored; between them and the size there is nothing.
  private static func chunkSize(_ line: [UInt8]) throws(RequestError) -> Int {
    let digits = line.prefix { $0 != UInt8(ascii: ";") }
    var size = 0
    for byte in digits {
      switch byte {
      case 0x30...0x39: size = size << 4 | Int(byte - 0x30)
      case 0x41...0x46, 0x61...0x66: size = size << 4 | Int(byte & 0x0F + 9)
      default: size = -1
      }
      if size < 0 { break }
    }
    guard (1...15).contains(digits.count), size >= 0 else {
      throw .malformed("the chunk size \"\(String(decoding: digits.prefix(100), as: UTF8.self))\"")
    }
    return size
  }

  private static func checkTrailer(_ line: [UInt8]) throws(RequestError) {
    let result = line.withUnsafeBytes { bytes -> Result<Void, RequestError> in
      do throws(RequestError) {
        _ = try RequestHead.field(bytes[...])
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }
}
