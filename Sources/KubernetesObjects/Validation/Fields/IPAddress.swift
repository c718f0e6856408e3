import Glibc

/// The form of addresses.
package enum IPAddress {
  /// Whether a text is an IPv4 or an IPv6 address. As in Kubernetes, parts of an IPv4 address may begin with
  /// zeros.
  package static func isAddress(_ text: String) -> Bool {
    if text.contains(":") {
      var address = in6_addr()
      return inet_pton(AF_INET6, text, &address) == 1
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part) != nil
      }
  }
}
