import ArgumentParser
import HTTPEndpoint

/// The flags with which a program authenticates at API servers that are reached by https.
package struct APIServerAccess: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "CA certificates for the API servers, PEM. (default: those of the system)",
      valueName: "file"))
  package var apiserverCafile: String?

  @Option(help: ArgumentHelp("Client certificate for the API servers, PEM.", valueName: "file"))
  package var apiserverCertfile: String?

  @Option(help: ArgumentHelp("Private key of the client certificate, PEM.", valueName: "file"))
  package var apiserverKeyfile: String?

  @Option(
    help: ArgumentHelp(
      "File with a bearer token, instead of a client certificate.", valueName: "file"))
  package var apiserverTokenFile: String?

  package init() {}

  package func validate() throws {
    if let mistake = self.tlsFiles.mistake(server: "", isTLS: true) {
      throw ValidationError(mistake)
    }
  }

  private var tlsFiles: ClientTLS.Files {
    ClientTLS.Files(
      caFile: self.apiserverCafile, certFile: self.apiserverCertfile,
      keyFile: self.apiserverKeyfile, flags: "--apiserver")
  }

  /// The files that were given, with their flags.
  package var files: [(flag: String, path: String)] {
    [
      ("apiserver-cafile", self.apiserverCafile), ("apiserver-certfile", self.apiserverCertfile),
      ("apiserver-keyfile", self.apiserverKeyfile),
      ("apiserver-token-file", self.apiserverTokenFile),
    ].compactMap { flag, path in path.map { (flag, $0) } }
  }

  /// A flag of the group that was given, for a program that may run without API servers.
  package var givenFlag: String? {
    [
      ("--apiserver-cafile", self.apiserverCafile),
      ("--apiserver-certfile", self.apiserverCertfile),
      ("--apiserver-token-file", self.apiserverTokenFile),
    ].first { $0.1 != nil }?.0
  }

  /// The servers of a flag.
  /// - Parameters:
  ///   - texts: comma-separated lists; an address without a scheme is `http`.
  ///   - flag: its name, such as `--master`.
  /// - Throws: a `ValidationError` that names the flag and the problem, or ``ClientTLSError``, which names
  ///   the flag and the file.
  package func servers(_ texts: [String], flag: String) throws -> [APIServer] {
    let endpoints = try Self.endpoints(texts, flag: flag)
    try self.check(endpoints, flag: flag)
    let tls = try self.tlsFiles.load()
    return endpoints.map {
      APIServer(url: $0.url, tls: tls, tokenFile: self.apiserverTokenFile)
    }
  }

  /// - Throws: a `ValidationError` when there are TLS files and no endpoint uses https.
  package func check(_ endpoints: [HTTPEndpoint], flag: String) throws {
    let isTLS = endpoints.contains(where: \.isTLS)
    if let mistake = self.tlsFiles.mistake(server: flag, isTLS: isTLS) {
      throw ValidationError(mistake)
    }
  }

  /// The addresses of a flag.
  /// - Throws: a `ValidationError` that names the flag and the problem.
  package static func endpoints(_ texts: [String], flag: String) throws -> [HTTPEndpoint] {
    let parts = texts.flatMap { $0.split(separator: ",") }.map {
      $0.filter { !$0.isWhitespace }
    }.filter { !$0.isEmpty }
    guard !parts.isEmpty else {
      throw ValidationError("\(flag) must name an API server, such as http://127.0.0.1:8080")
    }
    return try parts.map { part in
      guard let endpoint = try? HTTPEndpoint(part) else {
        throw ValidationError(
          "\(flag): \"\(part)\" is no API server: write it like http://127.0.0.1:8080")
      }
      return endpoint
    }
  }
}
