import TestSupport
import Testing

@testable import FakeAPIServer

/// The binary form of a request's body.
@Suite struct ProtobufBodyTests {
  /// `create namespace kube-system` of kubectl 1.32, as it went over the wire.
  static let kubectl: [UInt8] = [
    0x6b, 0x38, 0x73, 0x00,
    0x0a, 0x0f, 0x0a, 0x02, 0x76, 0x31, 0x12, 0x09, 0x4e, 0x61, 0x6d, 0x65, 0x73, 0x70, 0x61, 0x63,
    0x65,
    0x12, 0x23, 0x0a, 0x1b, 0x0a, 0x0b, 0x6b, 0x75, 0x62, 0x65, 0x2d, 0x73, 0x79, 0x73, 0x74, 0x65,
    0x6d, 0x12, 0x00, 0x1a, 0x00, 0x22, 0x00, 0x2a, 0x00, 0x32, 0x00, 0x38, 0x00, 0x42, 0x00,
    0x12, 0x00, 0x1a, 0x02, 0x0a, 0x00,
    0x1a, 0x00, 0x22, 0x00,
  ]

  private static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0x00]

  private static func message(_ fields: (UInt64, String)...) -> ProtobufMessage {
    var message = ProtobufMessage()
    for (number, text) in fields { message.append(number, text) }
    return message
  }

  private static func envelope(
    _ object: ProtobufMessage, version: String = "v1", kind: String = "Namespace"
  ) -> [UInt8] {
    var envelope = ProtobufMessage()
    envelope.append(1, Self.message((1, version), (2, kind)))
    envelope.append(2, object)
    return Self.magic + envelope.encoded
  }

  @Test func `What kubectl sends for a namespace is read`() throws {
    #expect(Self.kubectl.count == 62)
    #expect(
      ProtobufBody.object(Self.kubectl)
        == ["kind": "Namespace", "apiVersion": "v1", "metadata": ["name": "kube-system"]])
  }

  @Test func `All that a client may say of a namespace is read`() throws {
    var metadata = Self.message((1, "a"), (2, "b-"), (5, "uid"), (6, "7"), (14, "x/y"), (14, "z"))
    metadata.append(11, Self.message((1, "role"), (2, "master")))
    metadata.append(11, Self.message((1, "empty")))
    metadata.append(12, Self.message((1, "note"), (2, "größer")))
    var object = ProtobufMessage()
    object.append(1, metadata)
    object.append(2, Self.message((1, "kubernetes")))
    object.append(3, Self.message((1, "Active")))
    #expect(
      ProtobufBody.object(Self.envelope(object))
        == Samples.namespace)
  }

  @Test func `Other kinds and other forms are refused`() {
    var object = ProtobufMessage()
    object.append(1, Self.message((1, "a")))
    #expect(ProtobufBody.object(Self.envelope(object)) != nil)
    #expect(ProtobufBody.object(Self.envelope(object, kind: "Pod")) == nil)
    #expect(ProtobufBody.object(Self.envelope(object, version: "v2")) == nil)
    #expect(ProtobufBody.object([]) == nil)
    #expect(ProtobufBody.object(Self.magic) == nil)
    #expect(ProtobufBody.object(Array("{\"kind\":\"Namespace\"}".utf8)) == nil)
    #expect(ProtobufBody.object(Array(Self.kubectl.dropFirst(4))) == nil)
  }

  /// No body may crash the server.
  @Test func `Broken messages are read to their end and no further`() {
    for length in Self.kubectl.indices {
      _ = ProtobufBody.object(Array(Self.kubectl.prefix(length)))
      for byte: UInt8 in [0, 1, 5, 0x7f, 0x80, 0xff] {
        var broken = Self.kubectl
        broken[length] = byte
        _ = ProtobufBody.object(broken)
      }
    }
    #expect(ProtobufBody.object(Array(Self.kubectl.prefix(40))) == nil)
    #expect(
      ProtobufBody.object(
        Self.magic + [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]) == nil)
  }

  @Test(
    arguments: [
      ([0x08, 0x96, 0x01], 1, 150), ([0x10, 0x00], 2, 0),
      ([0x08] + [UInt8](repeating: 0xff, count: 9) + [0x01], 1, UInt64.max),
      // Fields of eight and of four bytes before it.
      ([0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x18, 0x05], 3, 5),
      // The last one counts.
      ([0x08, 0x01, 0x08, 0x02], 1, 2),
    ] as [([UInt8], UInt64, UInt64)])
  func numbers(_ bytes: [UInt8], _ field: UInt64, _ value: UInt64) {
    #expect(ProtobufMessage(bytes)?.varint(field) == value)
  }

  @Test(
    arguments: [
      [0x00], [0x08], [0x08, 0x80], [0x0a, 0x02, 0x61], [0x09, 1, 2], [0x15, 1], [0x0b], [0x0f],
      [0x08] + [UInt8](repeating: 0xff, count: 11),
    ] as [[UInt8]])
  func noMessage(_ bytes: [UInt8]) { #expect(ProtobufMessage(bytes) == nil) }
}
