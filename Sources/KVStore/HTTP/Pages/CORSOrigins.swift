import NIOCore

/// The origins of `--cors`, whose pages may read the answers.
///
/// Source: `accessController` and `OriginAllowed` of etcd 3.4. With `*` every answer allows all origins;
/// else an answer repeats the request's origin if the list has it, to the letter. The server refuses no
/// request: the browser keeps the answer from the page.
public struct CORSOrigins: Sendable, Equatable {
  /// `nil` for every origin.
  private let origins: Set<String>?

  /// All origins.
  public static let any = CORSOrigins(origins: nil)

  private init(origins: Set<String>?) {
    self.origins = origins
  }

  /// - Parameter list: `*`, or origins like `https://a.example:8443`, separated by commas. Unlike etcd's
  ///   they may lack a port, since browsers leave out the scheme's default.
  /// - Throws: ``CORSOriginError`` for a text that no browser sends as an origin.
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

/// A text in `--cors` that is no origin.
public struct CORSOriginError: Error, Equatable, CustomStringConvertible {
  let origin: String

  public var description: String {
    "\"\(self.origin)\" in --cors is no origin: write it like https://a.example:8443, or * alone for all"
  }
}
