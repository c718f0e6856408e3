import FoundationEssentials
import Glibc

/// Finds the project's programs, and HAProxy.
package struct Executables: Sendable {
  package let directory: String

  /// - Parameter directory: `nil` for that in `ZWEIMASTER_BIN`, or else that of the running program: a build puts
  ///   all programs and the test runner side by side.
  package init(_ directory: String?) {
    let environment = ProcessInfo.processInfo.environment["ZWEIMASTER_BIN"]
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "."
    self.directory =
      directory ?? environment ?? URL(filePath: own).deletingLastPathComponent().path
  }

  /// - Throws: ``ClusterError/missingProgram(_:directory:)``.
  package func path(of program: String) throws(ClusterError) -> String {
    let path = "\(self.directory)/\(program)"
    guard access(path, X_OK) == 0 else {
      throw .missingProgram(program, directory: self.directory)
    }
    return path
  }

  /// HAProxy. Debian installs it in a directory that is not in every user's `PATH`.
  /// - Throws: ``ClusterError/missingHAProxy``.
  package static func haproxy() throws(ClusterError) -> String {
    let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for directory in directories.map(String.init) + ["/usr/sbin", "/usr/local/sbin"] {
      let path = "\(directory)/haproxy"
      if access(path, X_OK) == 0 { return path }
    }
    throw .missingHAProxy
  }
}
