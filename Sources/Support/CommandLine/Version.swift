import CVersion

/// The version of all programs, which are released together.
package enum Version {
  package static let number = "0.1.0"

  /// The commit of the sources, with `+changes` if they differ from it; `unknown` outside of a git clone.
  package static var commit: String { String(cString: zweimaster_commit()) }

  /// The output of `--version`.
  package static func line(of program: String) -> String {
    "\(program) \(Self.number) (\(Self.commit))"
  }
}
