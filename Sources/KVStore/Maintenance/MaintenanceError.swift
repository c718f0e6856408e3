/// Why a backup was not made or not restored.
public enum MaintenanceError: Error, Equatable, CustomStringConvertible {
  /// The file to write exists.
  case fileExists(String)
  /// The data directory has a database.
  case hasData(String)
  /// The file is not a backup that can be restored, with the reason.
  case badCopy(String, String)
  /// A file cannot be written, with the reason.
  case file(String, String)
  /// The data directory's database cannot be used.
  case store(StartError)

  public var description: String {
    switch self {
    case .fileExists(let path):
      "\(path) exists: name another file, or replace it with --force"
    case .hasData(let directory):
      "the data directory \(directory) has a database: name another --data-dir, or replace it with --force (the old one is kept)"
    case .badCopy(let path, let reason):
      "cannot restore \(path): \(reason); the data directory is unchanged, restore another backup"
    case .file(let path, let reason):
      "cannot write \(path): \(reason)"
    case .store(let error):
      error.description
    }
  }
}
