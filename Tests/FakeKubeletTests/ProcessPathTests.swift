import Foundation
import Glibc
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Names and paths of manifests, as the runtime with real processes uses them.
@Suite(.whereContainersRun, .takesTurns, .timeLimit(.minutes(10)))
struct ProcessPathTests {
  typealias Place = ProcessRuntimeTests.Place

  private static func mode(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  /// A manifest with such a uid is refused; this is what happens if one comes through all the same.
  @Test func aUIDRemovesNothingOutsideOfItsDirectory() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let runtime = try ProcessRuntime(place.settings)
      let victim = place.directory.appending(path: "h/victim")
      try FileManager.default.createDirectory(at: victim, withIntermediateDirectories: true)
      for uid in ["../../h/victim", "..", ".", "", victim.path] {
        await runtime.podEnded(uid: uid)
        #expect(throws: StartFailure.self, "\(uid)") {
          try HostFiles.makeDirectories([uid, "volumes"], in: place.settings.podsDirectory)
        }
      }
      #expect(FileManager.default.fileExists(atPath: victim.path))
      #expect(FileManager.default.fileExists(atPath: place.settings.podsDirectory))
      await runtime.shutDown()
    }
  }

  @Test func aLogWithANameThatLeadsAwayHasNoPath() {
    let pod = PodName(namespace: "ns", name: "a")
    func path(_ uid: String, _ container: String) -> String? {
      ContainerLogFile(pod: pod, uid: uid, container: container, attempt: 0).path
    }
    #expect(path("u", "c") == "ns_a_u/c/0.log")
    #expect(path("/../../x", "c") == nil)
    #expect(path("u", "..") == nil)
  }

  // MARK: Volumes

  /// A pod with an emptyDir `e` and this test's host directory as `h`.
  private static func pod(
    _ script: String, mounts: String, place: Place, initial: String? = nil
  ) -> String {
    let initials = initial.map { script in
      """
        initContainers:
        - name: first
          image: i:1
          command: [/bin/sh, -c, \(JSONValue.string(script))]
          volumeMounts: [{name: e, mountPath: /e}]
      """
    }
    return ProcessRuntimeTests.pod(
      script, policy: "Never", container: "    volumeMounts: \(mounts)",
      spec: """
          volumes: [{name: h, hostPath: {path: \(place.host.path)}}, {name: e, emptyDir: {}}]
        \(initials ?? "")
        """)
  }

  /// Runs a pod until it has ended, or cannot start.
  /// - Returns: its log, or why it cannot start.
  private static func outcome(_ manifest: String, in place: Place) async throws -> String {
    try place.write("web.yaml", manifest)
    return try await ProcessRuntimeTests.withKubelet(place) { kubelet in
      func container() -> PodLifecycle.Container? {
        kubelet.workers.running.values.first?.containers.first { $0.name == "main" }
      }
      try await eventually("it has ended or cannot start") {
        container()?.lastTermination != nil || container()?.startFailure != nil
      }
      return container()?.startFailure?.message ?? place.log("default_web-n1_", "main")
    }
  }

  /// bubblewrap keeps the machine's root at `/oldroot` while it makes the places of mounts.
  @Test(arguments: [
    "/../oldroot\(Self.hostMark)", "/a/../../../oldroot\(Self.hostMark)",
    "/tmp/../../oldroot\(Self.hostMark)",
    "/proc/self/root/oldroot\(Self.hostMark)",
    "/dev/fd/../../proc/self/root/oldroot\(Self.hostMark)",
  ])
  func aMountPathMakesNothingOnTheMachine(path: String) async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let outcome = try await Self.outcome(
        Self.pod("echo up", mounts: "[{name: e, mountPath: '\(path)'}]", place: place), in: place)
      #expect(
        outcome.hasSuffix("stdout F up\n") || outcome.contains("cannot be inside of /proc"),
        "\(outcome)")
      #expect(!FileManager.default.fileExists(atPath: Self.hostMark))
    }
  }

  private static let hostMark = "/tmp/zm-nothing-makes-this"

  @Test func aPartOfAVolumeIsMountedAndMadeWhereItIsMissing() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      try FileManager.default.createDirectory(
        at: place.host.appending(path: "real"), withIntermediateDirectories: true)
      try Data("in\n".utf8).write(to: place.host.appending(path: "real/file"))
      try FileManager.default.createSymbolicLink(
        atPath: place.host.appending(path: "link").path, withDestinationPath: "real")
      let outcome = try await Self.outcome(
        Self.pod(
          "cat /d/file /f; echo out > /new/out; touch /d/x",
          mounts: """
            [{name: h, mountPath: /d, subPath: link, readOnly: true}, \
            {name: h, mountPath: /f, subPath: real/file}, {name: h, mountPath: /new, subPath: a/b}]
            """, place: place), in: place)
      #expect(outcome.contains("stdout F in\n") && outcome.contains("Read-only file system"))
      #expect(try place.host("a/b/out") == "out\n")
      #expect(place.mounts == [] && place.leftovers == [])
    }
  }

  @Test(arguments: ["away", "up/secret", "dangling", "../m"])
  func aPartOfAVolumeDoesNotLeadOutOfIt(subPath: String) async throws {
    try await ProcessRuntimeTests.withPlace { place in
      for (name, target) in [
        ("away", place.manifests.path), ("up", "../r"),
        ("dangling", "\(place.directory.path)/made"),
      ] {
        try FileManager.default.createSymbolicLink(
          atPath: place.host.appending(path: name).path, withDestinationPath: target)
      }
      // The check of manifests refuses `..`, but not what a variable brings.
      let mounts =
        "[{name: h, mountPath: /d, subPathExpr: '$(SUB)'}]\n    env: [{name: SUB, value: '\(subPath)'}]"
      let outcome = try await Self.outcome(
        Self.pod("ls /d; touch /d/x", mounts: mounts, place: place), in: place)
      #expect(outcome.contains("subPath"), "\(outcome)")
      #expect(!FileManager.default.fileExists(atPath: place.directory.appending(path: "made").path))
    }
  }

  /// A container can put a link where the next one has a mount.
  @Test func aMountInsideOfAVolumeDoesNotFollowALinkOutOfIt() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let outcome = try await Self.outcome(
        Self.pod(
          "echo up", mounts: "[{name: e, mountPath: /v}, {name: h, mountPath: /v/link/made}]",
          place: place, initial: "ln -s /oldroot\(place.directory.path) /e/link"), in: place)
      #expect(outcome.contains("cannot prepare the volumes"), "\(outcome)")
      #expect(!FileManager.default.fileExists(atPath: place.directory.appending(path: "made").path))
    }
  }

  @Test func aMountInsideOfAVolumeIsThere() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      try Data("in\n".utf8).write(to: place.host.appending(path: "file"))
      let outcome = try await Self.outcome(
        Self.pod(
          "cat /v/in/ner/file /v/one; touch /v/x && echo written; touch /v/in/ner/x",
          mounts: """
            [{name: e, mountPath: /v}, {name: h, mountPath: /v/in/ner, readOnly: true}, \
            {name: h, mountPath: /v/one, subPath: file}]
            """, place: place), in: place)
      #expect(outcome.components(separatedBy: "stdout F in\n").count == 3, "\(outcome)")
      #expect(outcome.contains("stdout F written\n") && outcome.contains("Read-only file system"))
      #expect(place.mounts == [] && place.leftovers == [])
    }
  }

  /// An emptyDir is for all users of the containers, and for no other user of the machine.
  @Test func theKubeletsDirectoriesAreRootsAlone() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      try place.write(
        "web.yaml",
        Self.pod("sleep 1000 & wait", mounts: "[{name: e, mountPath: /e}]", place: place))
      try await ProcessRuntimeTests.withKubelet(place) { kubelet in
        try await eventually("it runs") { kubelet.pods.first?.running == ["main"] }
        let uid = try #require(kubelet.workers.running.values.first?.manifest.uid)
        let pods = place.settings.podsDirectory
        for path in [
          pods, "\(pods)/\(uid)", "\(pods)/\(uid)/volumes", place.settings.containersDirectory,
          place.settings.podLogsDirectory,
        ] {
          #expect(Self.mode(path) == 0o700, "\(path)")
        }
        #expect(Self.mode("\(pods)/\(uid)/volumes/e") == 0o777)
      }
    }
  }

  // MARK: Logs

  @Test func aPodsLogsGoWithIt() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      for name in ["web", "other"] {
        try place.write(
          "\(name).yaml", ProcessRuntimeTests.pod("echo up; sleep 1000 & wait", name: name))
      }
      func logs() -> [String] {
        HostFiles.names(in: place.settings.podLogsDirectory).compactMap {
          $0.split(separator: "_").dropFirst().first.map(String.init)
        }.sorted()
      }
      try await ProcessRuntimeTests.withKubelet(place) { _ in
        try await eventually("both have written") {
          place.log("default_web-n1_", "main") != "" && place.log("default_other-n1_", "main") != ""
        }
        try FileManager.default.removeItem(at: place.manifests.appending(path: "web.yaml"))
        try await eventually("one has gone") { logs() == ["other-n1"] }
      }
      // They tell the reason of an end, until the next start.
      #expect(logs() == ["other-n1"])
      try FileManager.default.removeItem(at: place.manifests.appending(path: "other.yaml"))
      try await ProcessRuntimeTests.withKubelet(place) { _ in
        try await eventually("the other one has gone") { logs() == [] }
      }
    }
  }
}
