/// The uid of a pod whose manifest gives none, as the real kubelet computes it: the digest of a dump of
/// its own Go structure of the pod, the node's name and the file's path.
///
/// It is the same for the same meaning, node and path, whatever the comments, the order of the keys, the
/// spelling of defaults, and YAML or JSON, and another one for any change of these.
///
/// Every release that adds a field to that structure has other uids. Those of ``exactReleases`` are the
/// real kubelet's to the digit: three pods for all of them, and the recipe's and every other accepted
/// manifest of the tests for 1.26, 1.32 and 1.36. Parts of a pod that none of these have (affinity, most
/// kinds of volumes) are printed as Kubernetes' source says, without such a comparison. In the other
/// releases the digits may differ. So may they where a manifest gives a time (`creationTimestamp`),
/// `managedFields` or a status with conditions or containers, which are not read here, or, from 1.34 on,
/// resources of the whole pod, whose defaults are left out.
///
/// A digest of this kind withstands no attack. Source: `pkg/kubelet/config/common.go`.
package enum PodUID {
  /// As minor versions of 1.x.
  package static let exactReleases = [17, 18, 19, 21, 22, 23, 24, 25, 26, 28, 30, 32, 34, 36]

  /// The release that is taken where none is asked for: 1.26.
  package static let defaultRelease = 26

  /// 32 lower-case hexadecimal digits.
  package static func derived(
    metadata: JSONValue, spec: JSONValue, status: JSONValue, node: String, path: String, minor: Int
  ) -> String {
    let preimage = Self.preimage(
      metadata: metadata, spec: spec, status: status, node: node, path: path, minor: minor)
    return minor >= 35 ? Self.fnv1a(preimage) : Self.md5(preimage)
  }

  /// What is digested.
  package static func preimage(
    metadata: JSONValue, spec: JSONValue, status: JSONValue, node: String, path: String, minor: Int
  ) -> [UInt8] {
    let dump = PodDump.text(metadata: metadata, spec: spec, status: status, minor: minor)
    // Up to 1.20 a slip made node and path of no effect.
    return minor >= 21 ? dump + "host:\(node)file:\(path)".utf8 : dump
  }

  private static func md5(_ bytes: [UInt8]) -> String {
    MD5.digest(bytes).map { Self.hexadecimal($0, digits: 2) }.joined()
  }

  /// The text's FNV-1a hash of 128 bits. Nothing but a container's id is made from it by itself.
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
