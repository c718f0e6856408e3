import Glibc

/// The addresses at which the server looks for a kubelet.
///
/// A Node object is a client's word. At a loopback or link-local address are services that trust every program of
/// this machine, the server's own store among them, so no object makes the server ask there.
///
/// Source: `pkg/proxy/util/utils.go` IsProxyableIP.
struct KubeletAddress: Equatable, Sendable {
  /// `--allow-local-kubelets`: loopback and link-local addresses are allowed, as on one machine.
  var allowsLocal = false

  private enum Kind {
    case local
    /// Unspecified, multicast or reserved: no machine has it.
    case none
    case usual
  }

  /// Whether a request may go there.
  /// - Parameter address: an IP address; no other text is allowed.
  func allows(_ address: String) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 16)
    let kind: Kind
    if inet_pton(AF_INET, address, &bytes) == 1 {
      kind = Self.kind(v4: Array(bytes[..<4]))
    } else if inet_pton(AF_INET6, address, &bytes) == 1 {
      kind = Self.kind(v6: bytes)
    } else {
      return false
    }
    switch kind {
    case .local: return self.allowsLocal
    case .none: return false
    case .usual: return true
    }
  }

  private static func kind(v4 bytes: [UInt8]) -> Kind {
    switch (bytes[0], bytes[1]) {
    case (127, _), (169, 254): .local
    // 0.0.0.0 reaches this machine, too.
    case (0, _), (224..., _): .none
    default: .usual
    }
  }

  private static func kind(v6 bytes: [UInt8]) -> Kind {
    let v4 = Array(bytes[12...])
    let isZero = bytes[..<10].allSatisfy { $0 == 0 }
    // Mapped, and translated by NAT64.
    if isZero, bytes[10] == 0xFF, bytes[11] == 0xFF { return Self.kind(v4: v4) }
    if bytes[..<12].elementsEqual([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) {
      return Self.kind(v4: v4)
    }
    if isZero, bytes[10] == 0, bytes[11] == 0 { return v4 == [0, 0, 0, 1] ? .local : .none }
    if bytes[0] == 0xFE, bytes[1] & 0xC0 == 0x80 { return .local }
    return bytes[0] == 0xFF ? .none : .usual
  }
}
