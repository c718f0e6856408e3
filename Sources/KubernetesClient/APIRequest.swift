import FoundationEssentials
import KubernetesObjects

/// A request that any API server of a cluster may answer.
public struct APIRequest: Equatable, Sendable {
  /// `GET`, `POST`, `PUT`, `PATCH` (a JSON merge patch) or `DELETE`.
  public let method: String
  /// Path and query.
  public let target: String
  /// JSON.
  public let body: [UInt8]?

  /// - Parameters:
  ///   - method: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
  ///   - path: without a query, and not percent-encoded.
  ///   - query: names, and values that are not percent-encoded.
  ///   - body: JSON.
  public init(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [],
    body: [UInt8]? = nil
  ) {
    self.method = method
    let pairs = query.map { "\($0.name)=\(Self.encoded($0.value))" }
    self.target =
      Self.encoded(path, besides: "/") + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    self.body = body
  }

  /// A request with a JSON body.
  public init(_ method: String, _ path: String, _ body: JSONValue) {
    self.init(method, path, body: body.utf8)
  }

  /// Percent-encoded, except the characters that RFC 3986 calls unreserved, and the others named here.
  private static func encoded(_ text: String, besides others: String = "") -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        String(UnicodeScalar(byte))
      case let byte where others.utf8.contains(byte): String(UnicodeScalar(byte))
      default:
        "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}
