import NIOCore

/// Whose pages may read the answers, as `--cors` names them.
///
/// Source: `accessController` and `OriginAllowed` of etcd 3.4: with `*` every answer says so; else the
/// origin of a request is repeated if it is one of the list, to the letter, and no other answer says
/// anything. Nobody is refused: it is the browser that keeps an answer from a page.
public struct CORSOrigins: Sendable, Equatable {
  /// `nil` for every origin.
  private let origins: Set<String>?

  /// Everybody's pages.
  public static let any = CORSOrigins(origins: nil)

  private init(origins: Set<String>?) {
    self.origins = origins
  }

  /// - Parameter list: `*`, or origins like `https://a.example:8443` with commas between. Unlike etcd
  ///   it takes those without a port, since browsers leave out the port that the scheme implies.
  /// - Throws: ``CORSOriginError`` for what no browser sends as an origin.
  public init(parsing list: String) throws(CORSOriginError) {
    guard list != "*" else {
      self = .any
      return
    }
    let items = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for item in items {
      guard
        let origin = item.wholeMatch(
          of: /https?:\/\/(?:\[[0-9a-f:.]+\]|[^\s\/:?#@\[\]]+)(:([0-9]{1,5}))?/),
        origin.2.map({ UInt16($0) != nil }) ?? true
      else { throw CORSOriginError(origin: item) }
    }
    self.init(origins: Set(items))
  }

  /// The header lines with which an answer says so.
  /// - Parameter origin: of the request.
  func lines(for origin: String?) -> ByteBuffer {
    guard let origins = self.origins else { return Self.linesForAny }
    guard let origin, origins.contains(origin) else { return ByteBuffer() }
    return Self.lines(allowing: origin)
  }

  /// Made once: nearly every server sends them with every answer.
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

/// A text that is no origin.
public struct CORSOriginError: Error, Equatable, CustomStringConvertible {
  let origin: String

  public var description: String {
    "\"\(self.origin)\" in --cors is no origin: write it like https://a.example:8443, or * alone for all"
  }
}
