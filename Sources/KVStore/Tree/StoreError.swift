/// A refusal of etcd's v2 API.
///
/// Source: etcd `v2error`, "Error Codes" of the v2 API document.
package struct StoreError: Error, Equatable, Sendable {
  package let code: Code
  /// A key, a parameter or a pair of values; bytes, since a key need not be UTF-8.
  package let cause: [UInt8]
  /// The store's index at the time; 0 for an invalid request.
  package let index: UInt64

  init(_ code: Code, cause: [UInt8], index: UInt64) {
    self.code = code
    self.cause = cause
    self.index = index
  }

  init(_ code: Code, cause: String, index: UInt64 = 0) {
    self.init(code, cause: Array(cause.utf8), index: index)
  }

  package enum Code: Int, Sendable {
    case keyNotFound = 100
    case compareFailed = 101
    case notAFile = 102
    case notADirectory = 104
    case alreadyExists = 105
    case rootIsReadOnly = 107
    case directoryNotEmpty = 108
    case unauthorized = 110
    case previousValueRequired = 201
    case ttlNotANumber = 202
    case indexNotANumber = 203
    case invalidField = 209
    case invalidForm = 210
    case valueOnRefresh = 211
    case ttlRequiredOnRefresh = 212
    /// Also for a failing disk: etcd has no code of its own for that.
    case internalError = 300
    case eventIndexCleared = 401

    package var message: String {
      switch self {
      case .keyNotFound: "Key not found"
      case .compareFailed: "Compare failed"
      case .notAFile: "Not a file"
      case .notADirectory: "Not a directory"
      case .alreadyExists: "Key already exists"
      case .rootIsReadOnly: "Root is read only"
      case .directoryNotEmpty: "Directory not empty"
      case .unauthorized: "The request requires user authentication"
      case .previousValueRequired: "PrevValue is Required in POST form"
      case .ttlNotANumber: "The given TTL in POST form is not a number"
      case .indexNotANumber: "The given index in POST form is not a number"
      case .invalidField: "Invalid field"
      case .invalidForm: "Invalid POST form"
      case .valueOnRefresh: "Value provided on refresh"
      case .ttlRequiredOnRefresh: "A TTL must be provided on refresh"
      case .internalError: "Raft Internal Error"
      case .eventIndexCleared: "The event in requested index is outdated and cleared"
      }
    }

    /// The HTTP status.
    var status: Int {
      switch self {
      case .keyNotFound: 404
      case .notAFile, .directoryNotEmpty: 403
      case .unauthorized: 401
      case .compareFailed, .alreadyExists: 412
      case .internalError: 500
      default: 400
      }
    }
  }
}

extension StoreError: CustomStringConvertible {
  package var description: String {
    "\(self.code.rawValue) \(self.code.message) (\(String(decoding: self.cause, as: UTF8.self))) [\(self.index)]"
  }
}
