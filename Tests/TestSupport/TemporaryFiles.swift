import Foundation

/// A directory that is removed at the end of a closure.
public struct TemporaryFiles: Sendable {
  private let directory: URL

  public func path(_ name: String) -> String { self.directory.appending(path: name).path }

  public func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: self.path(name)))
  }

  @discardableResult
  public static func with<Value>(
    _ body: (TemporaryFiles) async throws -> Value
  ) async throws -> Value {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "zweimaster-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(TemporaryFiles(directory: directory))
  }
}
