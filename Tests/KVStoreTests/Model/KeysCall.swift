/// A request to the keys API, as any client may send it.
struct KeysCall: Sendable, CustomStringConvertible {
  typealias Parameters = [(String, String)]

  var method: String
  var path: String
  var query: Parameters = []
  /// The form of a PUT or a POST.
  var body: Parameters = []

  var isSorted: Bool {
    self.query.first { $0.0 == "sorted" }?.1.lowercased().hasPrefix("t") == true
  }

  var description: String {
    "\(self.method) \(self.target)" + (self.body.isEmpty ? "" : " -d '\(Self.form(self.body))'")
  }

  private var target: String {
    "/v2/keys\(Self.encoded(self.path, keepsSlash: true))"
      + (self.query.isEmpty ? "" : "?" + Self.form(self.query))
  }

  var bytes: [UInt8] {
    let form = Self.form(self.body)
    var request = "\(self.method) \(self.target) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if self.method == "PUT" || self.method == "POST" {
      request +=
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(form.utf8.count)\r\n"
    }
    return Array((request + "\r\n" + form).utf8)
  }

  /// Reads the answer to this call, and to the end.
  func readAnswer(from connection: RawConnection) throws -> PlainModel.Answer {
    let end = ContinuousClock.now + .seconds(60)
    let head = try connection.readHead(self.method, until: end)
    var answer: [UInt8] = []
    while let piece = try connection.readPiece(until: end) { answer += piece }
    return PlainModel.Answer(
      status: head.status, body: self.method == "HEAD" ? .null : try WireJSON(answer),
      index: head["X-Etcd-Index"].flatMap { Int64($0) } ?? -1)
  }

  private static func form(_ parameters: Parameters) -> String {
    parameters.map { "\($0.0)=\(Self.encoded($0.1))" }.joined(separator: "&")
  }

  private static func encoded(_ text: String, keepsSlash: Bool = false) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        String(UnicodeScalar(byte))
      case UInt8(ascii: "/") where keepsSlash: "/"
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }.joined()
  }
}
