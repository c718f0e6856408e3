/// A process that takes part in an election, and where its manifest lies: two processes with the same
/// three values cannot have their manifests in two places.
public struct Candidate: Codable, Equatable, Sendable {
  /// What the lock key holds while this process is the leader, `--whoami`.
  public var name: String
  /// The kernel's, which is another one after each boot; empty when it is not known.
  public var bootID: String
  /// The manifest's place, `--dest-file`.
  public var destination: String

  private enum CodingKeys: String, CodingKey {
    case name = "holder"
    case bootID = "boot_id"
    case destination
  }

  public init(name: String, bootID: String = "", destination: String = "") {
    self.name = name
    self.bootID = bootID
    self.destination = destination
  }
}
