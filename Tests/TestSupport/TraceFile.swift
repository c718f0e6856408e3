import Foundation

/// A conversation as text: blocks of facts, and below `----` the actions that have to follow.
///
/// ```text
/// # A comment.
/// opened
/// ----
/// check idleness in 600s
/// ```
///
/// A blank line ends a block. With `REWRITE_TRACES=1` the actions are written to the file and not compared:
/// read that diff as if it were code.
public struct TraceFile: Sendable, CustomStringConvertible {
  private let url: URL

  public var description: String { self.url.lastPathComponent }

  /// The `.trace` files of a folder beside a source file, in the order of their names.
  public static func all(
    in folder: String, beside source: String = #filePath
  ) throws -> [TraceFile] {
    let url = URL(filePath: source).deletingLastPathComponent().appending(path: folder)
    return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "trace" }.sorted { $0.path < $1.path }.map(TraceFile.init)
  }

  /// - Parameter play: gets one fact after the other and returns its actions.
  /// - Throws: ``TestFailure`` with the first block that differs.
  public func check(_ play: (_ fact: String) throws -> [String]) throws {
    let isRewriting = ProcessInfo.processInfo.environment["REWRITE_TRACES"] != nil
    var blocks: [String] = []
    for block in try String(contentsOf: self.url, encoding: .utf8).split(separator: "\n\n") {
      let lines = block.split(separator: "\n").map(String.init)
      let facts = Array(lines.prefix { $0 != "----" })
      var played = facts
      let actions = try facts.filter { !$0.hasPrefix("#") }.flatMap(play)
      if facts.contains(where: { !$0.hasPrefix("#") }) { played += ["----"] + actions }
      guard isRewriting || played == lines else {
        throw TestFailure(
          "\(self): expected\n\(block)\nbut got\n\(actions.joined(separator: "\n"))")
      }
      blocks.append(played.joined(separator: "\n"))
    }
    guard isRewriting else { return }
    try (blocks.joined(separator: "\n\n") + "\n")
      .write(to: self.url, atomically: true, encoding: .utf8)
  }
}
