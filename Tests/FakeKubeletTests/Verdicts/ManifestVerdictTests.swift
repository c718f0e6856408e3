import Foundation
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Compares verdicts with those of a real kubelet (`verdicts-real-kubelet.json`).
@Suite struct ManifestVerdictTests {
  struct Verdicts: Decodable {
    struct File: Decodable {
      var verdict: String
      var name: String?
      var namespace: String?
      var uid: String?
      var uidFrom: String?
      /// The uids of other versions.
      var uidOn: [String: String]?
    }
    struct Run: Decodable { var pods: [String] }
    var kubernetesVersion: String
    var files: [String: File]
    var directoryRun: [String: Run]
  }

  private static func verdicts() throws -> Verdicts {
    let file = try Fixtures.directory("verdicts-real-kubelet.json")
    return try JSONDecoder().decode(Verdicts.self, from: Data(contentsOf: file))
  }

  private static func decode(
    _ file: String, node: PodManifest.Node = Fixtures.node
  ) throws -> PodManifest {
    let bytes = try Data(contentsOf: Fixtures.directory(file))
    return try PodManifest(decoding: Array(bytes), path: Self.path(of: file), node: node)
  }

  /// The file's path on the real kubelet's machine, which is part of the uid.
  private static func path(of file: String) -> String {
    "/etc/kubernetes/manifests/\(file.split(separator: "/").last ?? "")"
  }

  @Test func everyFileGetsTheRealVerdict() throws {
    let files = try Self.verdicts().files.sorted { $0.key < $1.key }
    #expect(files.count > 60)
    for (file, verdict) in files where verdict.verdict != "ignored" {
      let pod = try? Self.decode(file)
      #expect((pod != nil) == (verdict.verdict == "accepted"), "\(file)")
      guard let pod else { continue }
      #expect(pod.name.name == verdict.name, "\(file)")
      #expect(pod.name.namespace == verdict.namespace, "\(file)")
      #expect(pod.uid == verdict.uid, "\(file)")
    }
  }

  @Test func theUidIsThatOfTheVersionThatIsAskedFor() throws {
    var count = 0
    for (file, verdict) in try Self.verdicts().files where verdict.verdict == "accepted" {
      for (version, uid) in verdict.uidOn ?? [:] {
        let node = try PodUIDTests.node(version)
        #expect(try Self.decode(file, node: node).uid == uid, "\(file) \(version)")
        count += 1
      }
    }
    #expect(count > 40)
  }

  /// The annotations that the kubelet adds.
  @Test func acceptedPodsAreMarkedAsTheRealOneMarksThem() throws {
    for (file, verdict) in try Self.verdicts().files where verdict.verdict == "accepted" {
      let pod = try Self.decode(file)
      let annotations = pod.metadata["annotations"]
      #expect(annotations?["kubernetes.io/config.hash"] == .string(pod.uid), "\(file)")
      #expect(annotations?["kubernetes.io/config.source"] == "file", "\(file)")
    }
  }

  /// `ZWEIMASTER_WRITE_VERDICTS=1` rewrites the table.
  @Test func theTableOfVerdictsIsTrue() throws {
    let verdicts = try Self.verdicts()
    var lines = [
      "# Verdicts on manifests", "",
      "The verdicts of a real kubelet (\(verdicts.kubernetesVersion)) and of the fake one on the same files "
        + "(`Tests/FakeKubeletTests/Manifests`), on the node `kube-master1`, each file at "
        + "`/etc/kubernetes/manifests/<file name>`. A test compares this table with both; all uids are equal.",
      "",
      "Besides these, tests compare 259 manifests, each with one thing that users get wrong or use rarely, with real "
        + "kubelets 1.26 and 1.32 (`Tests/FakeKubeletTests/Manifests/verdicts-1.26-and-1.32.json`): all verdicts and "
        + "the fields of all problems are equal.", "", "Intended difference:", "",
      "- A file that the real kubelet **ignores** for its name or kind is not decoded here either.",
      "", "| file | real | here | namespace/name | uid |", "| --- | --- | --- | --- | --- |",
    ]
    for (file, verdict) in verdicts.files.sorted(by: { $0.key < $1.key }) {
      var (here, name, uid) = ("ignored", "", "")
      if verdict.verdict != "ignored" {
        do throws(ManifestError) {
          let bytes = try? Data(contentsOf: Fixtures.directory(file))
          let pod = try PodManifest(
            decoding: Array(bytes ?? Data()), path: Self.path(of: file), node: Fixtures.node)
          (here, name, uid) = ("accepted", "\(pod.name)", "`\(pod.uid)`")
          if verdict.uidFrom == "manifest" { uid += ", its own" }
        } catch {
          here =
            "rejected: "
            + error.problems.map {
              [$0.field.map { "`\($0)`" }, $0.reason].compactMap(\.self).joined(separator: ": ")
            }
            .joined(separator: "; ").replacingOccurrences(of: "|", with: "\\|")
            .replacingOccurrences(of: "\n", with: " ")
        }
      }
      lines.append("| `\(file)` | \(verdict.verdict) | \(here) | \(name) | \(uid) |")
    }
    let text = lines.joined(separator: "\n") + "\n"
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../../docs/fakes/verdicts.md")
    if ProcessInfo.processInfo.environment["ZWEIMASTER_WRITE_VERDICTS"] != nil {
      try Data(text.utf8).write(to: file)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == text)
  }

  /// Each error names the field and the reason.
  @Test(
    arguments: [
      ("01-missing-name.yaml", "metadata.name", "name is needed for the pod"),
      ("02-bad-dns-name.yaml", "metadata.name", "Invalid value: \"Kube_Scheduler-kube-master1\""),
      ("03-no-containers.yaml", "spec.containers", "Required value"),
      ("04-duplicate-container-name.yaml", "spec.containers[1].name", "Duplicate value: \"main\""),
      ("05-unknown-kind.yaml", "kind", "not a Podd"),
      ("06-service-kind.yaml", "kind", "not a Service"),
      ("07-pod-list.yaml", "kind", "not a PodList"),
      ("09-tab-indentation.yaml", nil, "yaml: line 4: found character that cannot start any token"),
      ("10-empty.yaml", "kind", "Object 'Kind' is missing in 'null'"),
      ("11-comment-only.yaml", "kind", "Object 'Kind' is missing in 'null'"),
      ("12-non-utf8-comment.yaml", nil, "invalid leading UTF-8 octet"),
      ("17-json-trailing-garbage.json", nil, "json parse error"),
      ("20-wrong-type-containers-map.yaml", "spec.containers", "cannot unmarshal object"),
      ("21-wrong-type-string-bool.yaml", "spec.hostNetwork", "cannot unmarshal string"),
      ("22-wrong-type-int-label.yaml", "metadata.labels.tier", "cannot unmarshal number"),
      ("23-mount-of-undefined-volume.yaml", "spec.containers[0].volumeMounts[0].name", "Not found"),
      ("24-hostpath-without-path.yaml", "spec.volumes[0].hostPath.path", "Required value"),
      ("26-no-image.yaml", "spec.containers[0].image", "Required value"),
      ("27-uppercase-container-name.yaml", "spec.containers[0].name", "Invalid value: \"Main\""),
      ("28-bad-restart-policy.yaml", "spec.restartPolicy", "Unsupported value: \"Sometimes\""),
      (
        "29-liveness-success-threshold.yaml", "spec.containers[0].livenessProbe.successThreshold",
        "Invalid value: 2: must be 1"
      ),
      (
        "30-probe-port-out-of-range.yaml", "spec.containers[0].livenessProbe.httpGet.port",
        "Invalid value: 70000: must be between 1 and 65535"
      ),
      (
        "31-probe-two-handlers.yaml", "spec.containers[0].livenessProbe.tcpSocket",
        "may not specify more than 1 handler type"
      ),
      ("32-no-api-version.yaml", "apiVersion", "Object 'apiVersion' is missing"),
      ("33-wrong-api-version.yaml", "apiVersion", "registered for version \"v1beta3\""),
      ("34-bad-namespace.yaml", "metadata.namespace", "Invalid value: \"Kube System\""),
      ("37-truncated-invalid.yaml", nil, "yaml: line 11: could not find expected ':'"),
      ("44-name-too-long.yaml", "metadata.name", "must be no more than 253 characters"),
      ("48-tilde-null-spec.yaml", "spec.containers", "Required value"),
      ("49-scalar-document.yaml", nil, "couldn't get version/kind"),
      ("50-duplicate-host-port.yaml", "spec.containers[1].ports[0].hostPort", "Duplicate value"),
      (
        "51-probe-without-handler.yaml", "spec.containers[0].livenessProbe",
        "must specify a handler type"
      ),
      ("53-hostpath-dotdot.yaml", "spec.volumes[0].hostPath.path", "must not contain '..'"),
      ("54-bad-label-value.yaml", "metadata.labels", "Invalid value: \"control plane!\""),
      ("55-billion-laughs.yaml", nil, "document contains excessive aliasing"),
      ("56-yaml-flow-mapping.yaml", nil, "json parse error"),
      ("58-empty-first-document.yaml", "kind", "Object 'Kind' is missing in 'null'"),
    ] as [(String, String?, String)])
  func aBadFileIsNamedByFieldAndReason(file: String, field: String?, reason: String) throws {
    let error = try #require(throws: ManifestError.self) { _ = try Self.decode("bad/\(file)") }
    #expect(error.path == "/etc/kubernetes/manifests/\(file)")
    #expect(error.problems.count == 1)
    #expect(error.problems.first?.field == field)
    #expect(error.problems.first?.reason.contains(reason) == true, "\(error)")
  }

  @Test func theRealDirectoryRunHasTheSamePods() throws {
    for (folder, run) in try Self.verdicts().directoryRun {
      let directory = try Fixtures.directory(folder)
      var scanner = ManifestScanner(directory: "/m/\(folder)", node: Fixtures.node)
      var entries: [String: DirectoryListing.Entry] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: directory.path)
      where !name.hasPrefix(".") {
        let bytes = try Data(contentsOf: directory.appending(path: name))
        entries[name] = .content(Array(bytes))
      }
      let names = scanner.scan(.entries(entries)).added.map(\.name.description)
      #expect(names == run.pods.compactMap { $0.split(separator: " ").first.map(String.init) })
    }
  }

  @Test func theNodesNameReplacesTheManifestsNode() throws {
    let pod = try Self.decode("bad/39-explicit-uid-and-node.yaml")
    #expect(pod.spec["nodeName"] == "kube-master1")
    #expect(
      pod.metadata["annotations"]?["kubernetes.io/config.hash"] == .string(pod.uid))
  }

  @Test func onlyTheFirstDocumentAndTheLastOfTwoKeysCount() throws {
    #expect(try Self.decode("bad/08-multi-document.yaml").name.name == "doc-one-kube-master1")
    #expect(try Self.decode("bad/19-duplicate-yaml-key.yaml").spec["hostNetwork"] == false)
    let pod = try Self.decode("bad/46-yaml-anchors.yaml")
    #expect(pod.containers.map(\.name) == ["one", "two"])
    #expect(pod.containers.map(\.image) == ["pause:3", "pause:3"])
  }
}
