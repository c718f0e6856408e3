import HTTPEndpoint
import NIOCore

/// The origins of `--cors`, whose pages may read the answers and write.
///
/// Source: `accessController` and `OriginAllowed` of etcd 3.4. With `*` every answer allows all origins, as in
/// etcd without the flag; else an answer repeats the request's origin if the list has it, to the letter. Other
/// pages may not write, see `BrowserPolicy`, and the browser keeps the answers from them.
public struct CORSOrigins: Sendable, Equatable {
  /// `nil` for every origin.
  fileprivate let origins: Set<String>?

  /// No origin but the server's own.
  public static let none = CORSOrigins(origins: [])

  /// All origins.
  public static let any = CORSOrigins(origins: nil)

  private init(origins: Set<String>?) {
    self.origins = origins
  }

  /// - Parameter list: empty for none, `*`, or origins like `https://a.example:8443`, separated by commas. Unlike etcd's
  ///   they may lack a port, since browsers leave out the scheme's default.
  /// - Throws: ``CORSOriginError`` for a text that no browser sends as an origin.
  public init(parsing list: String) throws(CORSOriginError) {
    switch list {
    case "": self = .none
    case "*": self = .any
    default: self = try Self.listed(list)
    }
  }

  private static func listed(_ list: String) throws(CORSOriginError) -> CORSOrigins {
    let items = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for item in items {
      guard
        let origin = item.wholeMatch(
          of: /https?:\/\/(?:\[[0-9a-f:.]+\]|[^\s\/:?#@\[\]]+)(:([0-9]{1,5}))?/),
        origin.2.map({ UInt16($0) != nil }) ?? true
      else { throw CORSOriginError(origin: item) }
    }
    return CORSOrigins(origins: Set(items))
  }

  /// The header lines of an answer.
  /// - Parameter origin: the request's.
  func lines(for origin: String?) -> ByteBuffer {
    guard let origins = self.origins else { return Self.linesForAny }
    guard let origin, origins.contains(origin) else { return ByteBuffer() }
    return Self.lines(allowing: origin)
  }

  /// Computed once: most servers send them with every answer.
  private static let linesForAny = Self.lines(allowing: "*")

  private static func lines(allowing origin: String) -> ByteBuffer {
    ByteBuffer(
      string: """
        Access-Control-Allow-Headers: accept, content-type, authorization\r
        Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r
        Access-Control-Allow-Origin: \(origin)\r

        """)
  }
}

extension BrowserPolicy {
  /// - Parameters:
  ///   - hostWhitelist: of `--host-whitelist`.
  ///   - ownNames: the server's, in lower case.
  init(corsOrigins: CORSOrigins, hostWhitelist: [String], ownNames: Set<String>) {
    let names = ownNames.union(hostWhitelist.map(Self.name(of:)))
    let hosts: Hosts =
      if hostWhitelist.contains("*") {
        .any
      } else if !hostWhitelist.isEmpty {
        .listed(names)
      } else {
        // Where every page may read and write, a name's page gains nothing; so it is in etcd.
        corsOrigins == .any ? .any : .listedOnLoopback(names)
      }
    self.init(
      origins: corsOrigins.origins.map { .listed($0) } ?? .any, hosts: hosts,
      originsFlag: "--cors", hostsFlag: "--host-whitelist")
  }
}

/// A text in `--cors` that is no origin.
public struct CORSOriginError: Error, Equatable, CustomStringConvertible {
  let origin: String

  public var description: String {
    "\"\(self.origin)\" in --cors is no origin: write it like https://a.example:8443, or * alone for all"
  }
}
