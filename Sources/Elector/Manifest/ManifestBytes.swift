import Glibc

/// What a manifest's file holds, and who may read it.
///
/// It prints its size only: a manifest may hold secrets, and what a guard does is traced.
public struct ManifestBytes: Equatable, Sendable, CustomStringConvertible,
  CustomDebugStringConvertible
{
  public var bytes: [UInt8]
  /// The permissions of the file; others than for reading and writing do not count.
  public let mode: UInt16

  public init(_ bytes: [UInt8], mode: UInt16 = 0o600) {
    self.bytes = bytes
    self.mode = mode & 0o666
  }

  /// The permissions of a copy: those of its source, and never wider. What the source's group may do the group of the
  /// copy may do only if both are the same.
  /// - Parameters:
  ///   - mode: the source's.
  ///   - isSameGroup: whether the copy will have the source's group.
  static func mode(ofCopy mode: mode_t, isSameGroup: Bool) -> UInt16 {
    let mode = UInt16(truncatingIfNeeded: mode) & 0o666
    return isSameGroup ? mode : mode & ~0o070 | mode & (mode & 0o007) << 3
  }

  public var description: String {
    "\(self.bytes.count) bytes, mode \(String(self.mode, radix: 8))"
  }
  public var debugDescription: String { self.description }
}
