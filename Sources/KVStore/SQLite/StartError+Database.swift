import GRDB

extension StartError {
  /// What an error of SQLite or of the tables means for the database at a path.
  init(_ error: any Error, at path: String) {
    switch error {
    case let error as StartError: self = error
    case let damage as LogRecovery.Damage: self = .corrupt(damage.path, damage.reason)
    case let error as Schema.Contradiction: self = .corrupt(path, error.description)
    case let error as GRDB.DatabaseError
    where error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB:
      self = .corrupt(path, error.message ?? "\(error)")
    default: self = .unusable(path, "\(error)")
    }
  }

  /// Without the path and without advice.
  var reason: String {
    switch self {
    case .corrupt(_, let reason): "it is damaged (\(reason))"
    case .tooNew: "it was written by a newer kvstore"
    case .unusable(_, let reason), .directory(_, let reason), .missing(_, let reason): reason
    case .inUse, .listen, .badURL, .badAdvertisedURL, .tls, .tlsFile: self.description
    }
  }
}
