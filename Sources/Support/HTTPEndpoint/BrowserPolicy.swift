import Glibc

/// The requests that a browser may have sent for a foreign web page, which a server refuses.
///
/// A page makes the browser send requests to every server that the browser reaches, also to one on loopback.
/// Two rules follow, and no client but a browser notices them:
///
/// 1. A write for a foreign page is refused: one with an `Origin` that is neither the server's own nor a listed
///    one, or with a `Sec-Fetch-Site` other than `same-origin` and `none`. Reads are answered; without CORS
///    headers the browser keeps the answer from the page. A WebSocket is a write, since no CORS guards it.
/// 2. A name in `Host` that the server does not have is refused: with DNS rebinding a page gives its own name
///    the server's address, and then nothing is foreign to the browser. A page cannot do that with an address,
///    nor over TLS, where the certificate has another name.
///
/// It has no I/O; the caller knows its listener and the request's headers.
///
/// Source: `CrossOriginProtection` of Go's `net/http`; `--host-whitelist` of etcd (CVE-2018-5702).
package struct BrowserPolicy: Equatable, Sendable {
  /// The web pages whose writes are served, beside the server's own.
  package enum Origins: Equatable, Sendable {
    case any
    /// As browsers send them: `https://a.example:8443`.
    case listed(Set<String>)
  }

  /// The names that `Host` may have, beside addresses and `localhost`. They are in lower case.
  package enum Hosts: Equatable, Sendable {
    case any
    /// Checked on loopback listeners alone: elsewhere names of a proxy or of a DNS server are usual.
    case listedOnLoopback(Set<String>)
    case listed(Set<String>)
  }

  package struct Listener: Equatable, Sendable {
    package var isLoopback: Bool
    package var isTLS: Bool

    package init(isLoopback: Bool, isTLS: Bool) {
      self.isLoopback = isLoopback
      self.isTLS = isTLS
    }

    /// - Parameter address: the bound IP address; one for all interfaces is not loopback.
    package init(address: String, isTLS: Bool) {
      self.init(isLoopback: BrowserPolicy.isLoopback(address), isTLS: isTLS)
    }
  }

  /// What a request's head says; `nil` for a missing header.
  package struct Request: Equatable, Sendable {
    package var method: String
    /// The authority of an absolute target, else the header `Host`.
    package var host: String?
    package var origin: String?
    /// `Sec-Fetch-Site`.
    package var fetchSite: String?
    /// Whether it asks for another protocol, like WebSocket.
    package var isUpgrade: Bool

    package init(
      method: String, host: String?, origin: String?, fetchSite: String?, isUpgrade: Bool = false
    ) {
      self.method = method
      self.host = host
      self.origin = origin
      self.fetchSite = fetchSite
      self.isUpgrade = isUpgrade
    }
  }

  package struct Refusal: Error, Equatable, CustomStringConvertible {
    /// The HTTP status: 403, or 421 as in etcd for a foreign host.
    package var status: Int
    /// Why, and what to do.
    package var description: String
  }

  package var origins: Origins
  package var hosts: Hosts
  /// The flags that allow more, for the texts; `nil` without one.
  package var originsFlag: String?
  package var hostsFlag: String?

  package init(
    origins: Origins = .listed([]), hosts: Hosts = .listedOnLoopback([]),
    originsFlag: String? = nil, hostsFlag: String? = nil
  ) {
    self.origins = origins
    self.hosts = hosts
    self.originsFlag = originsFlag
    self.hostsFlag = hostsFlag
  }

  /// - Returns: `nil` for a request that is to be served.
  package func refusal(of request: Request, on listener: Listener) -> Refusal? {
    if !self.allowsHost(request.host, on: listener) {
      return Refusal(
        status: 421,
        description:
          "Host \"\(Self.excerpt(request.host))\" is no name of this server: use its address"
          + (self.hostsFlag.map { ", or list the name in \($0)" } ?? ""))
    }
    if !self.allowsPage(request) {
      let page =
        request.origin.map { "from a page of \"\(Self.excerpt($0))\"" }
        ?? "with Sec-Fetch-Site \"\(Self.excerpt(request.fetchSite))\""
      return Refusal(
        status: 403,
        description: "a write \(page) is refused"
          + (self.originsFlag.map { ": list the page's origin in \($0) to allow it" } ?? ""))
    }
    return nil
  }

  // MARK: The page

  private func allowsPage(_ request: Request) -> Bool {
    guard case .listed(let listed) = self.origins else { return true }
    switch request.method {
    case "GET", "HEAD", "OPTIONS":
      if !request.isUpgrade { return true }
    default: break
    }
    if let origin = request.origin, listed.contains(origin) { return true }
    switch request.fetchSite {
    case nil, "same-origin", "none": break
    default: return false
    }
    guard let origin = request.origin else { return true }
    return Self.isSameHost(origin, request.host)
  }

  /// Whether an origin has the server's host and port. The scheme is not compared: a proxy may speak TLS for
  /// the server.
  private static func isSameHost(_ origin: String, _ host: String?) -> Bool {
    guard let host, let scheme = origin.firstRange(of: "://") else { return false }
    let standard: Substring =
      switch origin[..<scheme.lowerBound] {
      case "http": "80"
      case "https": "443"
      default: ""
      }
    let page = Self.authority(origin[scheme.upperBound...])
    let server = Self.authority(host[...])
    return page.host == server.host
      && (page.port ?? standard) == (server.port ?? standard)
  }

  // MARK: The host

  private func allowsHost(_ host: String?, on listener: Listener) -> Bool {
    let names: Set<String>
    switch self.hosts {
    case .any: return true
    case .listedOnLoopback(let listed):
      guard listener.isLoopback else { return true }
      names = listed
    case .listed(let listed): names = listed
    }
    // HTTP/1.0 may go without one; every browser sends it.
    guard !listener.isTLS, let host, !host.isEmpty else { return true }
    let name = Self.authority(host[...]).host
    return Self.isAddress(name) || name == "localhost" || name.hasSuffix(".localhost")
      || names.contains(name)
  }

  /// The host in lower case, without brackets, a zone and the root's dot; the port where there is one.
  private static func authority(_ text: Substring) -> (host: String, port: Substring?) {
    var host = text
    var port: Substring?
    if text.first == "[", let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if rest.first == ":" { port = rest.dropFirst() }
      if let zone = host.firstIndex(of: "%") { host = host[..<zone] }
    } else if let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
    }
    if host.last == "." { host = host.dropLast() }
    return (host.lowercased(), port?.isEmpty == true ? nil : port)
  }

  /// The host of a URL's authority or of a `Host` header, as ``Hosts`` lists it.
  package static func name(of authority: String) -> String { self.authority(authority[...]).host }

  /// The names that a machine has by itself: `node1.example` and `node1`.
  package static func names(ofMachine hostname: String) -> Set<String> {
    let name = self.name(of: hostname)
    guard !name.isEmpty else { return [] }
    return [name, String(name.prefix { $0 != "." })]
  }

  /// `gethostname`; empty when the system has none.
  package static var hostname: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
    return buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  private static func isAddress(_ text: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1
  }

  static func isLoopback(_ text: String) -> Bool {
    var address = in6_addr()
    return withUnsafeMutableBytes(of: &address) { bytes in
      if inet_pton(AF_INET, text, bytes.baseAddress) == 1 { return bytes[0] == 127 }
      guard inet_pton(AF_INET6, text, bytes.baseAddress) == 1 else { return false }
      let isMapped =
        bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
      return isMapped ? bytes[12] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    }
  }

  /// Enough to recognise it in a message.
  private static func excerpt(_ text: String?) -> Substring { (text ?? "").prefix(40) }
}
