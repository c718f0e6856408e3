import Foundation
import TestSupport
import Testing

@testable import KVStore

/// Certificates that change while the real program runs.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ReloadTests {
  @Test func newConnectionsUseTheNewCertificatesAndRunningOnesGoOn() async throws {
    try await withTemporaryDirectory { directory in
      let (old, new) = (try TestAuthority("old"), try TestAuthority("new"))
      let files = try writeFiles(try old.issue(.server), trusting: old, in: directory)
      let client = (old: try old.issue(.client), new: try new.issue(.client))
      let issued = try new.issue(.server)
      // As in etcd's own file, and in the environment.
      let settings = directory + "/kvstore.yaml"
      try Data(
        """
        client-transport-security:
          cert-file: \(files.certFile)
          key-file: \(files.keyFile)
          client-cert-auth: true
        """.utf8
      ).write(to: URL(filePath: settings))
      try await RealProgram.run(
        in: directory,
        ["--listen-client-urls", "https://127.0.0.1:0", "--config", settings],
        environment: ["ETCD_TRUSTED_CA_FILE": files.trustedCAFile]
      ) { program in
        let url = program.urls[0]
        try await withTLSClient(of: url, trusting: old, showing: client.old) { before in
          let watch = try await before.watch("/k?wait=true")
          _ = try writeFiles(issued, trusting: new, in: directory)
          program.signal(SIGHUP)
          try await eventually("the log does not tell of it: \(program.log)") {
            program.log.contains("read again; new connections use them")
          }
          try await withTLSClient(of: url, trusting: new, showing: client.new) { after in
            let answer = try await after.put("/k", "value=1")
            #expect(answer.status == 201)
          }
          // Whom the new authority does not know is not let in any more.
          try await withTLSClient(of: url, trusting: new, showing: client.old) { stranger in
            await #expect(throws: (any Error).self) { _ = try await stranger.get("/k") }
          }
          // Open connections go on, request after request.
          #expect(
            String(buffer: try await watch.body.collect(upTo: 4096)).contains(#""value":"1""#))
          #expect(try await before.get("/k").value == "1")
        }

        try Data("half a certificate".utf8).write(to: URL(filePath: files.certFile))
        program.signal(SIGHUP)
        try await eventually("the log does not tell of it: \(program.log)") {
          program.log.contains(
            "cannot use \(files.certFile) (--cert-file): it holds no certificate in PEM form; the certificates that were read before stay in force"
          )
        }
        try await withTLSClient(of: url, trusting: new, showing: client.new) { after in
          let answer = try await after.get("/k")
          #expect(answer.value == "1")
        }
      }
    }
  }

  @Test func withoutTLSAHangUpChangesNothing() async throws {
    try await withTemporaryDirectory { directory in
      try await RealProgram.run(in: directory, ["--listen-client-urls", "http://127.0.0.1:0"]) {
        program in
        program.signal(SIGHUP)
        try await eventually { program.log.contains("no certificates to read again") }
        #expect(try await TestClient(base: program.urls[0]).put("/k", "value=1").status == 201)
      }
    }
  }
}
