import ArgumentParser
import CommandLine
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

  /// Writes the page, after the run's verdict: that must not be lost with the page.
  /// - Throws: `ExitCode`, after a line on standard error, when the file cannot be written.
  func write(_ stories: [Story], _ console: Console) throws {
    guard let html, !stories.isEmpty else { return }
    do {
      try Story.page(of: stories).write(toFile: html, atomically: true, encoding: .utf8)
    } catch {
      console.progress.line(
        "zweimaster: --html: cannot write \(html): \(error.localizedDescription)", to: .errors)
      throw ExitCode.failure
    }
    console.line("page: \(html)")
  }
}
