import ArgumentParser
import HTTPEndpoint

/// How a program shows an API server who it is, for those that are reached by https.
public struct APIServerAccess: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Who may sign the API servers' certificates. (default: whom the system trusts)",
      valueName: "file"))
  public var apiserverCafile: String?

  @Option(help: ArgumentHelp("Our own certificate, for the API servers.", valueName: "file"))
  public var apiserverCertfile: String?

  @Option(help: ArgumentHelp("The key to it.", valueName: "file"))
  public var apiserverKeyfile: String?

  @Option(
    help: ArgumentHelp(
      "The file with a bearer token, instead of a certificate.", valueName: "file"))
  public var apiserverTokenFile: String?

  public init() {}

  public func validate() throws {
    if (self.apiserverCertfile == nil) != (self.apiserverKeyfile == nil) {
      throw ValidationError("--apiserver-certfile and --apiserver-keyfile need each other")
    }
  }

  /// Whether any of it is given, for a program that may do without API servers.
  public var isEmpty: Bool {
    self.apiserverCafile == nil && self.apiserverCertfile == nil && self.apiserverTokenFile == nil
  }

  /// The servers that a flag names.
  /// - Parameters:
  ///   - texts: each a list with commas in between; what has no scheme is `http`.
  ///   - flag: `--master`
  /// - Throws: a `ValidationError` that names the flag and what is wrong with it, or ``ClientTLSError``
  ///   that names the flag and the file.
  public func servers(_ texts: [String], flag: String) throws -> [APIServer] {
    let endpoints = try Self.endpoints(texts, flag: flag)
    if !endpoints.contains(where: \.isTLS),
      self.apiserverCafile != nil || self.apiserverCertfile != nil
    {
      throw ValidationError("\(flag) is not https, but there are files for TLS")
    }
    let files = ClientTLS.Files(
      caFile: self.apiserverCafile, certFile: self.apiserverCertfile,
      keyFile: self.apiserverKeyfile, flags: "--apiserver")
    let tls = files == ClientTLS.Files(flags: "--apiserver") ? nil : try ClientTLS(files)
    return endpoints.map {
      APIServer(url: $0.url, tls: tls, tokenFile: self.apiserverTokenFile)
    }
  }

  /// The addresses that a flag names.
  /// - Throws: a `ValidationError` that names the flag and what is wrong with it.
  public static func endpoints(_ texts: [String], flag: String) throws -> [HTTPEndpoint] {
    let parts = texts.flatMap { $0.split(separator: ",") }.map {
      $0.filter { !$0.isWhitespace }
    }.filter { !$0.isEmpty }
    guard !parts.isEmpty else {
      throw ValidationError("\(flag) must name an API server, such as http://127.0.0.1:8080")
    }
    return try parts.map { part in
      guard let endpoint = try? HTTPEndpoint(part) else {
        throw ValidationError(
          "\(flag): \"\(part)\" is no API server: it must be like http://127.0.0.1:8080")
      }
      return endpoint
    }
  }
}
