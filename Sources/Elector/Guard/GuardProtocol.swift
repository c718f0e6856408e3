/// What an elector asks of its guard. Each request gets exactly one ``GuardAnswer``.
public struct GuardRequest: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    /// Put this content there, unless `before`, or without it `until`, has passed at the very moment of the rename;
    /// take it away at `until`.
    case install(until: BootInstant, content: ManifestBytes, before: BootInstant? = nil)
    /// Leave what was installed there until then. This is also how a guard is asked whether it lives.
    case extend(until: BootInstant)
    /// Make the place absent.
    case remove
  }

  public var id: UInt32
  /// Which of the guard's manifests.
  public var manifest: UInt16
  public var kind: Kind

  public init(id: UInt32, manifest: UInt16 = 0, _ kind: Kind) {
    self.id = id
    self.manifest = manifest
    self.kind = kind
  }
}

/// What became of a ``GuardRequest``.
public struct GuardAnswer: Equatable, Sendable {
  public enum Result: Equatable, Sendable {
    case done
    /// The instant had passed; or, for an extension, nothing is there any more that it would keep.
    case tooLate
    /// - `isUntouched`: the place is for sure what it was before.
    case failed(reason: String, isUntouched: Bool = false)
  }

  public var id: UInt32
  public var result: Result

  public init(id: UInt32, _ result: Result) {
    self.id = id
    self.result = result
  }
}

/// The other side said something that makes no sense.
public enum GuardProtocolError: Error, Equatable, Sendable, CustomStringConvertible {
  case tooLong(Int)
  case unknownKind(UInt8)
  case tooShort

  public var description: String {
    switch self {
    case .tooLong(let length): "a message of \(length) bytes"
    case .unknownKind(let kind): "a message of the unknown kind \(kind)"
    case .tooShort: "a message that ends too early"
    }
  }
}

// On the wire, all numbers in network order:
//
//   request   length:4  kind:1  id:4  manifest:2  [until:8, ns since boot]  [mode:2  content]
//   answer    length:4  kind:1  id:4  [reason, UTF-8]
//
// `length` counts what follows it.

/// Cuts a stream of bytes into messages.
struct GuardFrames: Equatable, Sendable {
  private var bytes: [UInt8] = []

  static let longest = ManifestFile.maximumBytes + 64

  mutating func append(_ more: some Sequence<UInt8>) {
    self.bytes.append(contentsOf: more)
  }

  /// The next message without its length; `nil` when it is not there in full.
  mutating func next() throws(GuardProtocolError) -> GuardFields? {
    var fields = GuardFields(self.bytes[...])
    guard self.bytes.count >= 4 else { return nil }
    let length = Int(try fields.number(UInt32.self))
    guard length <= Self.longest else { throw .tooLong(length) }
    guard fields.rest.count >= length else { return nil }
    let message = Array(fields.rest.prefix(length))
    self.bytes.removeFirst(4 + length)
    return GuardFields(message[...])
  }
}

/// Reads the fields of one message in turn.
struct GuardFields: Equatable, Sendable {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    self.rest = bytes
  }

  mutating func number<Number: FixedWidthInteger>(
    _ type: Number.Type
  ) throws(GuardProtocolError) -> Number {
    let count = Number.bitWidth / 8
    guard self.rest.count >= count else { throw .tooShort }
    let number = self.rest.prefix(count).reduce(Number.zero) { $0 << 8 | Number($1) }
    self.rest = self.rest.dropFirst(count)
    return number
  }

  mutating func instant() throws(GuardProtocolError) -> BootInstant {
    BootInstant(nanoseconds: Int64(bitPattern: try self.number(UInt64.self)))
  }
}

/// Puts fields together, with their length in front.
private func message(_ kind: UInt8, _ id: UInt32, _ fields: [UInt8]...) -> [UInt8] {
  let body = [kind] + networkOrder(id) + fields.joined()
  return networkOrder(UInt32(body.count)) + body
}

private func networkOrder(_ number: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: number.bigEndian) { Array($0) }
}

extension GuardRequest {
  var bytes: [UInt8] {
    let manifest = networkOrder(self.manifest)
    return switch self.kind {
    case .install(let until, let content, let before):
      message(
        1, self.id, manifest, networkOrder(until.nanoseconds),
        networkOrder((before ?? until).nanoseconds), networkOrder(content.mode), content.bytes)
    case .extend(let until): message(2, self.id, manifest, networkOrder(until.nanoseconds))
    case .remove: message(3, self.id, manifest)
    }
  }

  init(_ message: GuardFields) throws(GuardProtocolError) {
    var fields = message
    let number = try fields.number(UInt8.self)
    self.id = try fields.number(UInt32.self)
    self.manifest = try fields.number(UInt16.self)
    switch number {
    case 1:
      let (until, before) = (try fields.instant(), try fields.instant())
      let mode = try fields.number(UInt16.self)
      self.kind = .install(
        until: until, content: ManifestBytes(Array(fields.rest), mode: mode),
        before: before == until ? nil : before)
    case 2: self.kind = .extend(until: try fields.instant())
    case 3: self.kind = .remove
    default: throw .unknownKind(number)
    }
  }
}

extension GuardAnswer {
  var bytes: [UInt8] {
    switch self.result {
    case .done: message(1, self.id)
    case .tooLate: message(2, self.id)
    case .failed(let reason, let isUntouched):
      message(isUntouched ? 4 : 3, self.id, Array(reason.utf8))
    }
  }

  init(_ message: GuardFields) throws(GuardProtocolError) {
    var fields = message
    let number = try fields.number(UInt8.self)
    self.id = try fields.number(UInt32.self)
    switch number {
    case 1: self.result = .done
    case 2: self.result = .tooLate
    case 3, 4:
      self.result = .failed(
        reason: String(decoding: fields.rest, as: UTF8.self), isUntouched: number == 4)
    default: throw .unknownKind(number)
    }
  }
}
