import Foundation
import HTTPListening
import KubernetesObjects
import Linux
import SeededRandom
import TestSupport
import Testing

@testable import FakeAPIServer

/// Whatever a client sends to the API server is taken or refused with a status.
///
/// `Corpus/` has the inputs that every run plays first; see `Fuzzer`.
@Suite(.takesTurns, .timeLimit(.minutes(60))) struct APIFuzzTests {
  private static let count = Fuzzer.count == 20_000 ? 2_000 : Fuzzer.count

  private static func fuzz(
    _ name: String, _ seeds: [String], _ pieces: [String],
    _ play: @escaping @Sendable ([UInt8]) -> Fuzzer.Outcome
  ) async throws {
    let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "Corpus/\(name)")
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: corpus, play).run(count: Self.count) {
        Fuzzer.mutated(seeds, with: pieces, &$0)
      }
    }
  }

  private static let json = [
    "{", "}", "[", "]", ":", ",", "\"", "null", "true", "1e999", "-0", "9223372036854775808",
    "30.0", "\\ud800",
    "\u{0}", " ", "\"metadata\":", "\"name\":\"a\"", "\"$patch\":\"delete\"",
    "\"$patch\":\"replace\"",
    "\"$retainKeys\":[\"x\"]", "\"$setElementOrder/containers\":[{\"name\":\"b\"}]",
    "\"op\":\"add\"", "\"op\":\"test\"",
    "\"op\":\"move\",\"from\":\"/spec\"", "\"path\":\"/metadata/labels/a~1b\"",
    "\"path\":\"/spec/containers/-\"",
    "\"path\":\"/spec/containers/18446744073709551616\"", "\"value\":{}", "é", "🦭",
  ]

  /// The first line is the content type.
  @Test func anyBodyIsTakenOrRefused() async throws {
    let pod =
      #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#
    try await Self.fuzz(
      "bodies",
      [
        "application/json\n\(pod)", "\n\(pod)",
        "application/yaml\nkind: Pod\nmetadata: &m {name: a}\nspec: *m\n",
        "application/vnd.kubernetes.protobuf\nk8s\u{0}\n\u{10}\n\u{2}v1\u{12}\rDeleteOptions\u{12}\u{2}\u{8}\u{1e}",
        "application/yaml; charset=utf-8\n- 1\n", "text/plain\nx",
      ],
      Self.json + [
        "\n", "\n  ", ": ", "&m ", "*m", "!!binary ", "<<: ", "---\n", "k8s\u{0}", "\u{12}\u{7f}",
        "\u{8}\u{ff}",
      ]
    ) { bytes in
      let lines = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
      let body = lines.count == 2 ? Array(lines[1]) : []
      do throws(APIFailure) {
        let object = try RequestBody.object(
          body, contentType: String(decoding: lines[0], as: UTF8.self))
        guard (try? JSONValue(parsing: object.utf8)) == object else {
          return .init(problem: "written and read it is another object")
        }
        return .init(reached: ["taken-\(object.kind)"])
      } catch {
        return Self.refused(error)
      }
    }
  }

  /// The first line is the content type.
  @Test func anyPatchIsTakenOrRefused() async throws {
    let object: JSONValue = [
      "metadata": ["name": "a", "labels": ["x": "y"]],
      "spec": [
        "containers": [
          ["name": "b", "image": "i", "ports": [["containerPort": 80]]], ["name": "c"],
        ],
        "tolerations": [["key": "k"]],
      ],
    ]
    let type = "application/strategic-merge-patch+json\n"
    try await Self.fuzz(
      "patches",
      [
        "application/merge-patch+json\n" + #"{"metadata":{"labels":{"x":null,"z":"1"}}}"#,
        type
          + #"{"spec":{"containers":[{"name":"b","image":"j"},{"$patch":"delete","name":"c"}]}}"#,
        type
          + #"{"spec":{"$retainKeys":["containers"],"containers":[{"$patch":"replace"},{"name":"d"}]}}"#,
        "application/json-patch+json\n"
          + #"[{"op":"replace","path":"/spec/containers/0/image","value":"j"},{"op":"remove","path":"/metadata/labels/x"}]"#,
        "application/json-patch+json\n"
          + #"[{"op":"copy","from":"/spec","path":"/metadata/annotations"},{"op":"test","path":"","value":{}}]"#,
      ], Self.json
    ) { bytes in
      let lines = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
      guard lines.count == 2, let body = try? JSONValue(parsing: Array(lines[1])) else {
        return .init()
      }
      do throws(APIFailure) {
        let patch = try Patch(contentType: String(decoding: lines[0], as: UTF8.self), body: body)
        let patched = try patch.applied(to: object)
        if case .merge = patch, try patch.applied(to: patched) != patched {
          return .init(problem: "a merge patch that changes its own result")
        }
        guard (try? JSONValue(parsing: patched.utf8)) == patched else {
          return .init(problem: "written and read it is another object")
        }
        return .init(reached: ["\(patched == object ? "same" : "changed")-\(lines[0].count)"])
      } catch {
        return Self.refused(error)
      }
    }
  }

  @Test func anySelectorIsTakenOrRefused() async throws {
    let object: JSONValue = [
      "metadata": ["name": "a", "namespace": "default", "labels": ["app": "b"]],
      "spec": ["nodeName": "n"],
    ]
    try await Self.fuzz(
      "selectors",
      [
        "app in (a,b),!x", "app=b,tier!=c", "app notin (a), x", "a==b", "spec.nodeName=n",
        "metadata.name!=a",
        "status.phase=Running,metadata.namespace=default",
      ],
      [
        "=", "!", "!=", "==", ",", "(", ")", " in ", " notin ", " ", "app", "é", "\u{0}", "spec.",
        "metadata.name", "%", ">", "<1",
      ]
    ) { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      var reached: Set<String> = []
      do throws(APIFailure) {
        reached.insert("labels-\(try LabelSelector(text).matches(object))")
      } catch {
        if let problem = Self.refused(error).problem { return .init(problem: problem) }
        reached.insert("labels-refused")
      }
      do throws(APIFailure) {
        reached.insert("fields-\(try FieldSelector(text, of: .pods).matches(object))")
      } catch {
        if let problem = Self.refused(error).problem { return .init(problem: problem) }
        reached.insert("fields-refused")
      }
      return .init(reached: reached)
    }
  }

  @Test func anyPathIsTakenOrRefused() async throws {
    try await Self.fuzz(
      "paths",
      [
        "/api/v1/namespaces/default/pods/a/log?container=c&tailLines=1",
        "/api/v1/nodes/n/proxy/logs/a/b",
        "/apis/coordination.k8s.io/v1/namespaces/x/leases/y",
        "/api/v1/pods?limit=1&continue=abc&labelSelector=a%3Db",
        "/api/v1/namespaces/default/finalize", "/api/v1/namespaces/../pods",
      ],
      [
        "/", "//", "..", ".", "%2f", "%2e%2e", "%", "%00", "+", "?", "&", "=", "api", "v1",
        "namespaces", "pods", "proxy", "é", "\u{0}",
      ]
    ) { bytes in
      let target = String(decoding: bytes, as: UTF8.self)
      let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
      let query = FormQuery(halves.count == 2 ? String(halves[1]) : nil)
      guard let path = APIPath((halves.first.map(String.init) ?? "").removingPercentEncoding ?? "")
      else {
        return .init(reached: ["no-path"])
      }
      for name in [path.namespace, path.name, path.subresource] where name?.contains("/") == true {
        return .init(problem: "a name with a slash: \(name ?? "")")
      }
      if path.namespace == nil, path.resource.isNamespaced, path.name != nil {
        return .init(problem: "an object without its namespace")
      }
      return .init(reached: [
        "\(path.resource.name)-\(path.subresource ?? "")-\(query.parameters.isEmpty)"
      ])
    }
  }

  /// A refusal has a status of its own and says why.
  private static func refused(_ failure: APIFailure) -> Fuzzer.Outcome {
    let status = failure.status
    guard (400..<500).contains(failure.code), status["message"]?.string?.isEmpty == false else {
      return .init(problem: "\(failure)")
    }
    return .init(reached: ["refused-\(failure.code)"])
  }
}
