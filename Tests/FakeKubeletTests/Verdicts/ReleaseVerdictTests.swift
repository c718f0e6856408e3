import Foundation
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Compares verdicts with those of two releases of the real kubelet on manifests that each have one thing
/// that users get wrong or use rarely (`verdicts-1.26-and-1.32.json`).
@Suite struct ReleaseVerdictTests {
  struct Cases: Decodable {
    var cases: [Case]
  }

  struct Case: Decodable {
    var file: String
    var text: String
    var in26: Verdict
    var in32: Verdict

    enum CodingKeys: String, CodingKey {
      case file, text
      case in26 = "1.26"
      case in32 = "1.32"
    }

    var verdicts: [(release: String, verdict: Verdict)] {
      [("1.26", self.in26), ("1.32", self.in32)]
    }
  }

  /// One of the three.
  struct Verdict: Decodable {
    var accepted: Bool?
    /// What validation says: `spec.hostname: Invalid value`.
    var fields: [String]?
    /// What decoding says.
    var error: String?
  }

  private static func cases() throws -> [Case] {
    let file = try Fixtures.directory("verdicts-1.26-and-1.32.json")
    let cases = try JSONDecoder().decode(Cases.self, from: Data(contentsOf: file)).cases
    #expect(cases.count == 259)
    return cases
  }

  private static func pod(_ manifest: Case, release: String?) throws(ManifestError) -> PodManifest {
    let node = PodManifest.Node(
      name: "kube-master1", kubeletVersion: release.flatMap { KubeletVersion($0) })
    return try Fixtures.manifest(
      manifest.text, path: "/etc/kubernetes/manifests/\(manifest.file)", node: node)
  }

  /// The fields with the kinds of their problems, each once.
  private static func fields(_ problems: [FieldProblem]) -> [String] {
    var fields: [String] = []
    for problem in problems {
      let kind = problem.reason.prefix { $0 != ":" }
      let text = "\(problem.field ?? ""): \(kind)"
      if !fields.contains(text) { fields.append(text) }
    }
    return fields
  }

  @Test func everyManifestGetsTheVerdictOfBothReleases() throws {
    for manifest in try Self.cases() {
      for (release, verdict) in manifest.verdicts {
        try Self.check(manifest, verdict, release: release)
      }
    }
  }

  /// Without `--kubelet-version` the rules are those of 1.32.
  @Test func withoutAReleaseTheVerdictsAreThoseOf132() throws {
    for manifest in try Self.cases() { try Self.check(manifest, manifest.in32, release: nil) }
  }

  private static func check(_ manifest: Case, _ verdict: Verdict, release: String?) throws {
    let name = "\(manifest.file) in \(release ?? "any")"
    do throws(ManifestError) {
      _ = try Self.pod(manifest, release: release)
      #expect(verdict.accepted == true, "\(name)")
    } catch {
      #expect(verdict.accepted == nil, "\(name): \(error)")
      guard let fields = verdict.fields else { return }
      #expect(error.stage == .validate, "\(name)")
      #expect(Self.fields(error.problems) == fields, "\(name)")
    }
  }

  /// `kubectl create` of the same pods. Only a kubelet refuses claims in static pods.
  @Test func anAPIServerHasTheSameRules() throws {
    var count = 0
    for manifest in try Self.cases() {
      guard let document = try? PodAdmission.document(Array(manifest.text.utf8)),
        document["kind"] == "Pod", document["apiVersion"] == "v1"
      else { continue }
      count += 1
      var pod = document
      if document["metadata"]?["namespace"]?.string == nil {
        pod["metadata"]?["namespace"] = "default"
      }
      let problems = PodAdmission.complete(&pod)
      let isOfFiles = manifest.in32.error?.contains("static pods") == true
      if manifest.in32.accepted == true || isOfFiles {
        #expect(problems.isEmpty, "\(manifest.file): \(problems)")
      } else if let fields = manifest.in32.fields {
        #expect(Self.fields(problems) == fields, "\(manifest.file)")
      } else {
        #expect(!problems.isEmpty, "\(manifest.file)")
      }
    }
    #expect(count > 230)
  }
}
