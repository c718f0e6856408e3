import FoundationEssentials
import KubernetesObjects

/// A page of a list, for clients that read it in chunks.
///
/// Unlike the real server this one keeps no old versions: a later page shows the objects of its own time. The
/// version in its token shows the client that.
struct ListPage: Equatable, Sendable {
  let items: [ShownObject]
  /// The token of the next page; `nil` for the last page.
  let next: String?
  /// The number of objects after this page.
  let rest: Int

  /// The end of a page.
  private struct Token: Codable {
    var rv: UInt64
    var namespace: String
    var name: String
  }

  /// - Parameters:
  ///   - objects: all objects, in the order of namespace and name.
  ///   - limit: 0 for no limit.
  ///   - token: of the page before.
  /// - Throws: 400 for an invalid token.
  init(
    _ objects: [ShownObject], limit: Int, after token: String?, index: UInt64
  ) throws(APIFailure) {
    var rest = objects[...]
    if let token {
      guard let data = Data(base64Encoded: token),
        let start = try? JSONDecoder().decode(Token.self, from: data)
      else { throw .badRequest("continue key is not valid: \(token)") }
      // Compared as a pair: as one text `a-b/x` would stand before `a/x`.
      rest = rest.drop { shown in
        let metadata = shown.object.metadata
        return (metadata.namespace, metadata.name) <= (start.namespace, start.name)
      }
    }
    guard limit > 0, rest.count > limit, let last = rest.prefix(limit).last else {
      (self.items, self.next, self.rest) = (Array(rest), nil, 0)
      return
    }
    self.items = Array(rest.prefix(limit))
    let metadata = last.object.metadata
    let next = Token(rv: index, namespace: metadata.namespace, name: metadata.name)
    self.next = (try? JSONEncoder().encode(next))?.base64EncodedString()
    self.rest = rest.count - limit
  }
}
