/// How a call of the v3 API ends.
package struct RPCStatus: Error, Equatable, Sendable {
  package let code: Code
  /// In etcd's words, which its clients recognise.
  package let text: String

  package init(_ code: Code, _ text: String) { (self.code, self.text) = (code, text) }

  package static let ok = RPCStatus(.ok, "")

  /// Numbers of `google.rpc.Code`.
  package enum Code: Int, CaseIterable, Sendable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
  }
}

extension RPCStatus.Code {
  /// As Go prints it.
  var goName: String {
    if self == .ok { return "OK" }
    let name = "\(self)"
    return name.prefix(1).uppercased() + name.dropFirst()
  }
}

extension RPCStatus {
  init(_ error: RevisionError) { self.init(error.code, error.text) }
}
