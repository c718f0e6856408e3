import FoundationEssentials
import KubernetesObjects

/// A part of a list, for clients that take it piece by piece.
///
/// Unlike the real server this one has no old versions of the whole: a later part shows what is there then. The
/// token's version lets a client see that.
struct ListPage: Equatable, Sendable {
  let items: [ShownObject]
  /// For the next part; `nil` when this was the last one.
  let next: String?
  /// How many come after this part.
  let rest: Int

  /// The last object of a part.
  private struct Token: Codable {
    var rv: UInt64
    var start: String
  }

  /// - Parameters:
  ///   - objects: all, in the order of namespace and name.
  ///   - limit: 0 for all of them.
  ///   - token: what an earlier part gave.
  /// - Throws: 400 for a token that no server gave.
  init(
    _ objects: [ShownObject], limit: Int, after token: String?, index: UInt64
  ) throws(APIFailure) {
    var rest = objects[...]
    if let token {
      guard let data = Data(base64Encoded: token),
        let start = try? JSONDecoder().decode(Token.self, from: data)
      else { throw .badRequest("continue key is not valid: \(token)") }
      rest = rest.drop { Self.place($0.object) <= start.start }
    }
    guard limit > 0, rest.count > limit, let last = rest.prefix(limit).last else {
      (self.items, self.next, self.rest) = (Array(rest), nil, 0)
      return
    }
    self.items = Array(rest.prefix(limit))
    let next = Token(rv: index, start: Self.place(last.object))
    self.next = (try? JSONEncoder().encode(next))?.base64EncodedString()
    self.rest = rest.count - limit
  }

  static func place(_ object: JSONValue) -> String {
    "\(object["metadata"]?["namespace"]?.string ?? "")/\(object["metadata"]?["name"]?.string ?? "")"
  }
}
