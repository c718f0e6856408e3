/// Why a store did not start.
public enum StartError: Error, Equatable, CustomStringConvertible {
  /// Another process has the data directory.
  case inUse(String)
  /// The directory cannot be created or opened, with the reason.
  case directory(String, String)
  /// The database is damaged, with what SQLite found.
  case corrupt(String, String)
  /// A newer version wrote the database.
  case tooNew(String)
  /// The data directory holds a part of a store, or another program's data; with what is missing.
  case missing(String, String)
  /// SQLite cannot open the file, with the reason.
  case unusable(String, String)
  /// The server cannot listen on an address of the flag.
  case listen(flag: String, address: String, reason: String)
  /// The URL is not one to listen on.
  case badURL(String)
  /// The URL is not one that clients can connect to.
  case badAdvertisedURL(String)
  /// The TLS flags contradict each other or the addresses.
  case tls(String)
  /// A file for TLS cannot be used.
  case tlsFile(flag: String, path: String, reason: String)

  public var description: String {
    switch self {
    case .inUse(let directory):
      "the data directory \(directory) is in use by another kvstore: stop that one or name another --data-dir"
    case .directory(let directory, let reason):
      "cannot use the data directory \(directory): \(reason)"
    case .corrupt(let path, let reason):
      "the database \(path) is damaged (\(reason)): run `kvstore check`, then restore a backup with `kvstore restore FILE --force`"
    case .tooNew(let path):
      "the database \(path) was written by a newer kvstore: start that version"
    case .missing(let directory, let reason):
      "the data directory \(directory) is not a whole store (\(reason)): restore a backup with `kvstore restore FILE`, or name another --data-dir"
    case .unusable(let path, let reason):
      "cannot open the database \(path): \(reason)"
    case .listen(let flag, let address, let reason):
      "cannot listen on \(address): \(reason); name another address with \(flag)"
    case .badURL(let url):
      "\"\(url)\" is no URL to listen on: write it like http://127.0.0.1:2379 or unix:///run/kvstore.sock"
    case .badAdvertisedURL(let url):
      "\"\(url)\" in --advertise-client-urls is no URL for clients: write it like http://10.0.0.5:2379"
    case .tls(let problem): problem
    case .tlsFile(let flag, let path, let reason): "cannot use \(path) (\(flag)): \(reason)"
    }
  }
}
