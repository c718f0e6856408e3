import Foundation
import NIOCore
import SwiftProtobuf

/// Messages as bytes, in the encoding of their call.
extension CallHead {
  /// - Throws: in the words of grpc-go and of the gateway.
  func decode<M: Message>(_ type: M.Type, _ bytes: ByteBuffer) throws(RPCStatus) -> M {
    switch self.encoding {
    case .protobuf:
      do {
        return try M(serializedBytes: bytes)
      } catch {
        throw RPCStatus(.internal, "grpc: error unmarshalling request: \(error)")
      }
    case .json:
      // An empty body is an empty message, and what follows a value is nobody's.
      let extent = JSONExtent.firstValue(of: bytes.readableBytesView)
      guard let value = extent.flatMap({ bytes.getSlice(at: $0.startIndex, length: $0.count) })
      else { return M() }
      do {
        if let text = JSONExtent.badBase64(in: value.readableBytesView) {
          throw RPCStatus(.invalidArgument, "illegal base64 data: \"\(text)\"")
        }
        do {
          return try M(jsonUTF8Bytes: value)
        } catch JSONDecodingError.unknownField {
          // Only here, since an enum's value that is unknown would be passed over, too.
          var options = JSONDecodingOptions()
          options.ignoreUnknownFields = true
          return try M(jsonUTF8Bytes: value, options: options)
        }
      } catch let status as RPCStatus {
        throw status
      } catch {
        throw RPCStatus(.invalidArgument, "\(error)")
      }
    }
  }

  func encode(_ message: some Message) -> ByteBuffer {
    do {
      switch self.encoding {
      case .protobuf: return try message.serializedBytes()
      case .json:
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        return try message.jsonUTF8Bytes(options: options)
      }
    } catch {
      // Only a message with required fields, or with one of a foreign type, can fail: there is none.
      preconditionFailure("\(type(of: message)) cannot be written: \(error)")
    }
  }
}

/// Messages are read from buffers and written into them without a copy.
extension ByteBuffer: @retroactive SwiftProtobufContiguousBytes {
  public init<Bytes: Sequence>(_ bytes: Bytes) where Bytes.Element == UInt8 {
    self.init(bytes: bytes)
  }

  public var count: Int { self.readableBytes }

  public func withUnsafeBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try self.withUnsafeReadableBytes(body)
  }

  public mutating func withUnsafeMutableBytes<Result>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try self.withUnsafeMutableReadableBytes(body)
  }
}

/// Where the first value of a JSON text ends.
enum JSONExtent {
  /// - Returns: `nil` for blanks alone. What is no JSON is returned whole.
  static func firstValue(of bytes: ByteBufferView) -> ByteBufferView? {
    guard let start = bytes.firstIndex(where: { !Self.isBlank($0) }) else { return nil }
    guard bytes[start] == UInt8(ascii: "{") else { return bytes[start...] }
    var depth = 0
    var isInText = false
    var index = start
    while index < bytes.endIndex {
      switch bytes[index] {
      case UInt8(ascii: "\\") where isInText: index += 1
      case UInt8(ascii: "\""): isInText.toggle()
      case UInt8(ascii: "{") where !isInText, UInt8(ascii: "[") where !isInText: depth += 1
      case UInt8(ascii: "}") where !isInText, UInt8(ascii: "]") where !isInText:
        depth -= 1
        if depth == 0 { return bytes[start...index] }
      default: break
      }
      index += 1
    }
    return bytes[start...]
  }

  /// The values that stand one after another, as the gateway takes them for a stream.
  static func values(of bytes: ByteBufferView) -> [ByteBufferView] {
    var rest = bytes
    var values: [ByteBufferView] = []
    while let value = self.firstValue(of: rest) {
      values.append(value)
      rest = rest[value.endIndex...]
    }
    return values
  }

  /// The fields of bytes. A text in one is base64 in Go's standard form; swift-protobuf takes other forms as well.
  private static let byteFields = Set(
    ["key", "range_end", "rangeEnd", "value"].map { Array($0.utf8) })

  /// - Returns: the first text of such a field that is something else.
  static func badBase64(in bytes: ByteBufferView) -> String? {
    var (name, last): ([UInt8], [UInt8]?) = ([], nil)
    var index = bytes.startIndex
    while index < bytes.endIndex {
      switch bytes[index] {
      case UInt8(ascii: "\""):
        let start = index + 1
        index = start
        while index < bytes.endIndex, bytes[index] != UInt8(ascii: "\"") {
          index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        let text = Array(bytes[start..<min(index, bytes.endIndex)])
        if self.byteFields.contains(name), !self.isBase64(text) {
          return String(decoding: text, as: UTF8.self)
        }
        (name, last) = ([], text)
      case UInt8(ascii: ":"): name = last ?? []
      case let byte where self.isBlank(byte): break
      default: (name, last) = ([], nil)
      }
      index += 1
    }
    return nil
  }

  /// Letters of the standard alphabet, or such that JSON escapes, up to a multiple of four with its padding.
  private static func isBase64(_ text: [UInt8]) -> Bool {
    let text = text.contains(UInt8(ascii: "\\")) ? text.filter { $0 != UInt8(ascii: "\\") } : text
    let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    return text.count % 4 == 0
      && text.dropLast(padding).allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
          true
        default: false
        }
      }
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (9...13).contains(byte)
  }
}
