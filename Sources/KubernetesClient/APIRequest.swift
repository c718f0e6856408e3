import FoundationEssentials
import KubernetesObjects

/// One request to an API server, before it is known which one answers it.
public struct APIRequest: Equatable, Sendable {
  /// `GET`, `POST`, `PUT`, `PATCH` (a JSON merge patch) or `DELETE`.
  public let method: String
  /// Path and query.
  public let target: String
  /// JSON.
  public let body: [UInt8]?

  /// - Parameter query: names and values as they are meant; they are encoded here.
  public init(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [],
    body: [UInt8]? = nil
  ) {
    self.method = method
    let pairs = query.map { "\($0.name)=\(Self.encoded($0.value))" }
    self.target = path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    self.body = body
  }

  public init(_ method: String, _ path: String, _ body: JSONValue) {
    self.init(method, path, body: body.utf8)
  }

  /// Percent-encoded, but for what RFC 3986 calls unreserved.
  private static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        String(UnicodeScalar(byte))
      default:
        "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}

/// Why an API server did not do as it was asked.
public enum APIServerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There was no whole answer; it may have been done all the same.
  case unanswered(request: String, reason: String)
  /// It said no: the status, and from its Status object one word for programs and a sentence for people.
  case refused(request: String, status: Int, reason: String?, message: String?)
  /// It did it, but what it says is not what was to be expected.
  case unreadable(request: String, reason: String)

  /// - Parameter body: a Status object, or anything.
  package init(request: String, status: Int, body: Data) {
    struct Status: Decodable {
      var reason: String?
      var message: String?
    }
    let answer = try? JSONDecoder().decode(Status.self, from: body)
    self = .refused(
      request: request, status: status, reason: answer?.reason, message: answer?.message)
  }

  /// The status of an answer that says no.
  public var status: Int? {
    if case .refused(_, let status, _, _) = self { status } else { nil }
  }

  /// Whether there is no such thing, or none under the uid that was asked for any more.
  public var isNotFound: Bool { self.status == 404 }

  /// Whether something else was changed, or made, before.
  public var isConflict: Bool { self.status == 409 }

  /// Whether it is the server that is in trouble, and another one, or the same one later, may do it.
  public var isServersTrouble: Bool {
    switch self {
    case .unanswered, .unreadable: true
    case .refused(_, let status, _, _): status >= 500 || status == 429
    }
  }

  public var description: String {
    switch self {
    case .unanswered(let request, let reason), .unreadable(let request, let reason):
      "\(request): \(reason)"
    case .refused(let request, let status, _, let message):
      "\(request): \(status)" + (message.map { " \($0)" } ?? "")
    }
  }
}
