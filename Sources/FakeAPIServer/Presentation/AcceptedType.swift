/// A media type with its parameters in the header `Accept`:
/// `application/json;as=Table;v=v1;g=meta.k8s.io`.
///
/// Source: RFC 9110, section 12.5.1. Weights are ignored: the order counts, as Kubernetes' clients send it.
struct AcceptedType: Equatable, Sendable {
  static let json = "application/json"

  let name: String
  private let parameters: [String: String]

  /// The types of a header, in its order.
  static func all(_ accept: String) -> [Self] {
    accept.split(separator: ",").map { Self($0) }
  }

  private init(_ text: Substring) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " && $0 != "\t" } }
    self.name = parts[0].lowercased()
    self.parameters = Dictionary(
      parts.dropFirst().compactMap { part in
        let sides = part.split(separator: "=", maxSplits: 1)
        return sides.count == 2 ? (sides[0].lowercased(), String(sides[1])) : nil
      }
    ) { $1 }
  }

  /// A parameter's value: `["as"]`.
  subscript(_ parameter: String) -> String? { self.parameters[parameter] }
}
