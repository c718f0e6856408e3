import Foundation

/// What a data directory holds before a start: nothing, a store, or the remains of one. Data that are missing are
/// no first start.
enum FirstStart: Equatable {
  case new
  case existing
  /// - Parameter reason: what is there, and what is not.
  case missing(reason: String)

  /// - Parameter names: of the files in the directory, with their sizes in bytes.
  init(names: [String: Int]) {
    let database = Database.fileName
    if let size = names[database] {
      self =
        size > 0
        ? .existing : .missing(reason: "\(database) is empty, and a store has never left it so")
      return
    }
    // A first start that was interrupted.
    if names[Database.newFileName] != nil {
      self = .new
      return
    }
    if names["member"] != nil {
      self = .missing(reason: "it is the data directory of an etcd")
      return
    }
    let remains = ([database + "-wal", ChangeLog.markName] + ChangeLog.fileNames)
      .first { names[$0] != nil }
    self = remains.map { .missing(reason: "\($0) is there, and \(database) is not") } ?? .new
  }

  static func names(in directory: String) throws -> [String: Int] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory)
    return Dictionary(
      uniqueKeysWithValues: names.map { ($0, DurableFile.size(of: directory + "/" + $0)) })
  }
}
