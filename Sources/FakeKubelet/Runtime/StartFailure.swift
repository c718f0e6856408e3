/// Why a container could not be started. The kubelet tries again with increasing delays.
public struct StartFailure: Error, Equatable, Sendable {
  /// The reason in the container's waiting state.
  public let waitingReason: String
  /// The reason of the event, one word for programs.
  public let event: String
  /// A sentence for people.
  public let message: String

  /// A volume cannot be mounted.
  static func mount(_ message: String) -> Self {
    Self(waitingReason: "ContainerCreating", event: "FailedMount", message: message)
  }

  /// The manifest asks for something that this node does not have.
  static func configuration(_ message: String) -> Self {
    Self(waitingReason: "CreateContainerConfigError", event: "Failed", message: message)
  }

  /// The command could not be run.
  static func run(_ message: String) -> Self {
    Self(waitingReason: "RunContainerError", event: "Failed", message: message)
  }
}
