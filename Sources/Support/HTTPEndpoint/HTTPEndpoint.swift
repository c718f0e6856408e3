/// A server's address: scheme, host and port, without a slash at the end.
public struct HTTPEndpoint: Hashable, Sendable, CustomStringConvertible {
  /// For example `http://127.0.0.1:4001`.
  public let url: String

  public var description: String { self.url }

  public var isTLS: Bool { self.url.hasPrefix("https://") }

  /// The host alone, as in the server's certificate.
  package var host: Substring {
    let authority = self.url[(self.url.firstRange(of: "://")?.upperBound ?? self.url.startIndex)...]
    return authority[..<(authority.lastIndex(of: ":") ?? authority.endIndex)]
      .trimming("[]")
  }

  /// Parses one endpoint. Without a scheme it is `http://`, as in Go's client.
  public init(_ text: String) throws(HTTPEndpointError) {
    var url = text.contains("://") ? text : "http://\(text)"
    while url.hasSuffix("/") { url.removeLast() }
    guard let scheme = url.firstRange(of: "://") else { throw .malformed(text) }
    switch url[..<scheme.lowerBound] {
    case "http", "https": break
    case let other: throw .unsupportedScheme(String(other), text)
    }
    let authority = url[scheme.upperBound...]
    let hasOnlyHostAndPort = authority.allSatisfy { !"/?#@ ".contains($0) }
    guard let colon = authority.lastIndex(of: ":"), colon > authority.startIndex,
      UInt16(authority[authority.index(after: colon)...]) != nil, hasOnlyHostAndPort
    else { throw .malformed(text) }
    self.url = url
  }

  /// Parses a list separated by commas: `http://a:2379,http://b:2379`.
  public static func list(_ text: String) throws(HTTPEndpointError) -> [HTTPEndpoint] {
    var endpoints: [HTTPEndpoint] = []
    for part in text.split(separator: ",") {
      let part = part.trimming(" \t")
      if !part.isEmpty { endpoints.append(try HTTPEndpoint(String(part))) }
    }
    guard !endpoints.isEmpty else { throw .malformed(text) }
    return endpoints
  }
}

/// Why a text is not an ``HTTPEndpoint``.
public enum HTTPEndpointError: Error, Equatable, CustomStringConvertible {
  case malformed(String)
  case unsupportedScheme(String, String)

  public var description: String {
    switch self {
    case .malformed(let text):
      "\"\(text)\" is not an endpoint: write it like http://127.0.0.1:2379"
    case .unsupportedScheme(let scheme, let text):
      "\"\(text)\" has the scheme \(scheme): use http or https"
    }
  }
}

extension Substring {
  fileprivate func trimming(_ characters: String) -> Substring {
    var rest = self
    while let first = rest.first, characters.contains(first) { rest.removeFirst() }
    while let last = rest.last, characters.contains(last) { rest.removeLast() }
    return rest
  }
}
