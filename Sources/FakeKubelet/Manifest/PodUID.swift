/// The uid of a pod whose manifest gives none.
///
/// It has the real one's properties, not its digits: the same for the same meaning, node and path,
/// whatever the comments, the order of the keys, the spelling of defaults, and YAML or JSON; another
/// one for any change of these. Recommended for nothing else: FNV-1a withstands no attack.
/// Source: `pkg/kubelet/config/common.go`; the real one digests a dump of a Go structure.
enum PodUID {
  /// 32 lower-case hexadecimal digits.
  static func derived(from content: JSONValue, node: String, path: String) -> String {
    Self.digest("\(content)host:\(node)file:\(path)")
  }

  /// The text's FNV-1a hash of 128 bits.
  static func digest(_ text: String) -> String {
    var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    for byte in text.utf8 {
      hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
