// FROZEN: this folder computes uids to the digit for fifteen releases of the kubelet, more than anything
// here needs. It is kept because its tests compare it with real kubelets. Do not add releases; a newer
// kubelet gets the uids of the newest release here.

/// The uid of a pod whose manifest gives none, as the real kubelet computes it: a digest of a dump of its
/// own Go structure of the pod, the node's name and the file's path.
///
/// Comments, the order of keys, explicit defaults, and YAML or JSON make no difference; any change of
/// the pod, the node or the path gives another uid.
///
/// Every release that adds a field to the structure has other uids. For ``exactReleases`` the uids equal
/// the real kubelet's: checked with three pods for all of them, and with every accepted manifest of the
/// tests for 1.26, 1.32 and 1.36. Parts that none of these pods has (affinity, most kinds of volumes)
/// follow Kubernetes' source without such a check. The digits may differ in other releases, and where a
/// manifest has times (`creationTimestamp`), `managedFields`, a status with conditions or containers, or,
/// from 1.34 on, resources of the whole pod.
///
/// The digest resists no attack. Source: `pkg/kubelet/config/common.go`.
package enum PodUID {
  /// As minor versions of 1.x.
  package static let exactReleases = [17, 18, 19, 21, 22, 23, 24, 25, 26, 28, 30, 32, 34, 36]

  /// The release whose uids are the default: 1.26.
  package static let defaultRelease = 26

  /// 32 lower-case hexadecimal digits.
  package static func derived(
    metadata: JSONValue, spec: JSONValue, status: JSONValue, node: String, path: String, minor: Int
  ) -> String {
    let preimage = Self.preimage(
      metadata: metadata, spec: spec, status: status, node: node, path: path, minor: minor)
    return minor >= 35 ? Self.fnv1a(preimage) : Self.md5(preimage)
  }

  /// The text before it is digested.
  package static func preimage(
    metadata: JSONValue, spec: JSONValue, status: JSONValue, node: String, path: String, minor: Int
  ) -> [UInt8] {
    let dump = PodDump.text(metadata: metadata, spec: spec, status: status, minor: minor)
    // Up to 1.20 a bug in the kubelet left out node and path.
    return minor >= 21 ? dump + "host:\(node)file:\(path)".utf8 : dump
  }

  private static func md5(_ bytes: [UInt8]) -> String {
    MD5.digest(bytes).map { Self.hexadecimal($0, digits: 2) }.joined()
  }

  /// The text's FNV-1a hash of 128 bits, which also makes container ids.
  package static func digest(_ text: String) -> String { Self.fnv1a(Array(text.utf8)) }

  private static func fnv1a(_ bytes: [UInt8]) -> String {
    var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    for byte in bytes {
      hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
    }
    return Self.hexadecimal(hash, digits: 32)
  }

  private static func hexadecimal(_ number: some BinaryInteger, digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
  }
}
