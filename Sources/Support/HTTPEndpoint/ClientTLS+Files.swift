extension ClientTLS {
  /// The files of a client, in PEM form, and the flags that name them.
  public struct Files: Equatable, Sendable {
    /// The authorities that may sign the server's certificate; `nil` for the system's.
    public var caFile: String?
    /// Our certificate, with its intermediate certificates; needs `keyFile`.
    public var certFile: String?
    public var keyFile: String?
    /// The common prefix of their flags, `--etcd` or `--kubelet`.
    public var flags: String

    public init(
      caFile: String? = nil, certFile: String? = nil, keyFile: String? = nil,
      flags: String = "--etcd"
    ) {
      self.flags = flags
      self.caFile = caFile
      self.certFile = certFile
      self.keyFile = keyFile
    }

    package var isEmpty: Bool { self == Files(flags: self.flags) }

    /// The first mistake in the flags, found without reading a file; `nil` without one.
    /// - Parameters:
    ///   - server: the flag that names the server.
    ///   - isTLS: whether it names one with `https`.
    package func mistake(server: String, isTLS: Bool) -> String? {
      if (self.certFile == nil) != (self.keyFile == nil) {
        return "\(self.flags)-certfile and \(self.flags)-keyfile need each other"
      }
      guard !isTLS, !self.isEmpty else { return nil }
      return
        "\(self.flags)-\(self.caFile == nil ? "certfile" : "cafile") needs https:// in \(server)"
    }

    /// Reads the files.
    /// - Returns: `nil` without files: then a connection uses the system's authorities.
    /// - Throws: ``ClientTLSError``, which names the flag and the file.
    package func load() throws(ClientTLSError) -> ClientTLS? {
      self.isEmpty ? nil : try ClientTLS(self)
    }

    /// The authorities that may sign the server's certificate, for errors.
    package var authority: String {
      self.caFile.map { "\(self.flags)-cafile (\($0))" }
        ?? "an authority that this system trusts (see \(self.flags)-cafile)"
    }
  }
}
