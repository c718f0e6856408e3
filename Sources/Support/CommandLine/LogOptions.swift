import ArgumentParser

/// The log flags of Kubernetes' programs.
package struct LogOptions: ParsableArguments {
  /// The names of the boolean flags.
  package static let switches: Set<String> = ["logtostderr"]

  @Option(
    name: [.customLong("v"), .customShort("v")],
    help: "The log's verbosity: 0, 2 for each step, 4 for everything.")
  package var verbosity = 0

  @Option(help: "Must be true: the log goes to standard error.")
  package var logtostderr: GoBool = true

  package init() {}

  package func validate() throws {
    if !self.logtostderr.isTrue {
      throw ValidationError(
        "--logtostderr=false is not supported: the log goes to standard error; redirect it with 2>")
    }
  }

  /// Makes every `Logger` of this process write klog's lines to standard error.
  package func bootstrap() { LogFormat.klog.bootstrap(verbosity: self.verbosity) }
}
