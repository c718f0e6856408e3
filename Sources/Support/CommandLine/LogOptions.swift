import ArgumentParser

/// The flags of Kubernetes' programs for their log.
public struct LogOptions: ParsableArguments {
  /// The names of the boolean flags.
  public static let switches: Set<String> = ["logtostderr"]

  @Option(
    name: [.customLong("v"), .customShort("v")],
    help: "How much is logged: 0, 2 for each step, 4 for everything.")
  public var verbosity = 0

  @Option(help: "Must be true: the log goes to standard error.")
  package var logtostderr: GoBool = true

  public init() {}

  public func validate() throws {
    if !self.logtostderr.isTrue {
      throw ValidationError(
        "--logtostderr=false is not supported: the log goes to standard error; redirect it with 2>")
    }
  }
}
