/// One flag that is set outside of the command line.
package struct Setting: Equatable, Sendable {
  /// As on the command line: `--data-dir=/var/lib/kvstore`.
  package let argument: String
  /// `the environment's ETCD_NAME`, or `kvstore.yaml:3`.
  package let origin: String

  package init(argument: String, origin: String) {
    self.argument = argument
    self.origin = origin
  }
}

/// A mistake in a configuration file.
package struct SettingsError: Error, Equatable, CustomStringConvertible {
  /// The file, with the line if it is known.
  package let place: String
  package let problem: String

  package init(place: String, problem: String) {
    self.place = place
    self.problem = problem
  }

  package var description: String { "\(self.place): \(self.problem)" }
}
