import ArgumentParser
import Foundation
import Stories

/// The page that a recording is written to.
struct StoryFileOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write a page that shows it to this file, which loads nothing else.", valueName: "file"))
  var html: String?

  /// A long run is not to end with an error about its file.
  func validate() throws {
    guard let html else { return }
    let parent = (html as NSString).deletingLastPathComponent
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: html, isDirectory: &isDirectory),
      isDirectory.boolValue
    {
      throw ValidationError("--html: \(html) is a directory: name a file")
    }
    guard access(parent.isEmpty ? "." : parent, W_OK) == 0 else {
      throw ValidationError("--html: cannot write \(html): \(String(cString: strerror(errno)))")
    }
  }

  func write(_ stories: [Story]) throws {
    guard let html, !stories.isEmpty else { return }
    let page = try Story.page(of: stories)
    do {
      try page.write(toFile: html, atomically: true, encoding: .utf8)
    } catch {
      throw ValidationError("--html: cannot write \(html): \(error.localizedDescription)")
    }
    print("page: \(html)")
  }
}
