import Linux

/// `--max-connections`, bounded by the limit of open files.
struct MaxConnections: Equatable, Sendable {
  /// Connections beyond the limit that get an answer at the same time; further ones are closed at once.
  static let refusedAtOnce = 64
  /// Descriptors for the database and its log, the event loops and refused connections.
  private static let reserve = 2 * refusedAtOnce

  let count: Int
  /// Set when the limit of open files reduces the wanted number.
  let warning: String?

  /// - Parameters:
  ///   - wanted: `nil` for ``KVStoreServer/standardMaxConnections``.
  ///   - descriptors: the process' limit of open files.
  init(wanted: Int? = nil, descriptors: Int = DescriptorLimit.current) {
    let possible = max(1, descriptors - min(Self.reserve, descriptors / 2))
    self.count = min(max(1, wanted ?? KVStoreServer.standardMaxConnections), possible)
    self.warning =
      if let wanted, wanted > possible {
        "--max-connections \(wanted) exceeds the limit of open files (\(descriptors)): \(possible) are served; raise it with `ulimit -n` or LimitNOFILE="
      } else {
        nil
      }
  }
}
