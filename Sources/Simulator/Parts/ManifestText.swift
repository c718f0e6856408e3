import Elector

/// The text of a simulated manifest: empty, or the pod's uid and deadline.
struct ManifestText {
  /// - Returns: the bytes of a manifest's file.
  static func bytes(_ deadline: ManifestCopy.Deadline) -> [UInt8] {
    guard case .expiry(let expiry) = deadline else { return [] }
    return Array("\(expiry.uid) \(expiry.seconds)".utf8)
  }

  /// - Returns: `nil` for a pod that does not expire.
  static func expiry(in bytes: [UInt8]) -> (uid: String, seconds: Int64)? {
    let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard fields.count == 2, let seconds = Int64(fields[1]) else { return nil }
    return (String(fields[0]), seconds)
  }
}
