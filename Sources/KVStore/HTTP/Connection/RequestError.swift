/// Why bytes are no request. The connection closes after the answer.
enum RequestError: Error, Equatable, Sendable {
  case malformed(String)
  case headTooLarge
  case unsupported(String)
  case unsupportedVersion(String)
  case expectationFailed(String)
  /// The request was not complete in time.
  case tooSlow

  var response: Response {
    switch self {
    case .malformed(let what): .text(.badRequest, "400 Bad Request: \(what)\n")
    case .headTooLarge:
      .text(
        .requestHeaderFieldsTooLarge,
        "431 Request Header Fields Too Large: more than \(RequestParser.maxHeadSize) bytes\n")
    case .unsupported(let what): .text(.notImplemented, "501 Not Implemented: \(what)\n")
    case .unsupportedVersion(let version):
      .text(.httpVersionNotSupported, "505 HTTP Version Not Supported: \"\(version)\"\n")
    case .expectationFailed(let what):
      .text(.expectationFailed, "417 Expectation Failed: \"\(what)\"\n")
    case .tooSlow: .text(.requestTimeout, "408 Request Timeout\n")
    }
  }
}
