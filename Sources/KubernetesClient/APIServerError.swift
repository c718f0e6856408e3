import FoundationEssentials

/// Why a request to an API server failed.
public enum APIServerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No complete answer; the request may have been carried out.
  case unanswered(request: String, reason: String)
  /// The server refused: the HTTP status, and from its Status object a word for programs and a sentence
  /// for people.
  case refused(request: String, status: Int, reason: String?, message: String?)
  /// The request was carried out, but the answer cannot be read.
  case unreadable(request: String, reason: String)

  /// - Parameter body: a Status object, or anything else.
  init(request: String, status: Int, body: Data) {
    struct Status: Decodable {
      var reason: String?
      var message: String?
    }
    let answer = try? JSONDecoder().decode(Status.self, from: body)
    self = .refused(
      request: request, status: status, reason: answer?.reason, message: answer?.message)
  }

  /// The HTTP status of a refusal.
  public var status: Int? {
    if case .refused(_, let status, _, _) = self { status } else { nil }
  }

  /// Whether there is no such object, or none with the uid of the request.
  public var isNotFound: Bool { self.status == 404 }

  /// Whether another client changed or created the object first.
  public var isConflict: Bool { self.status == 409 }

  /// Whether the server failed, so that another server, or this one later, may succeed.
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
