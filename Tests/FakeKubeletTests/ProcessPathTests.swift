import Foundation
import Glibc
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// Names and paths of manifests, as the runtime with real processes uses them.
@Suite(
  .enabled(
    if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/bwrap"),
    "the process runtime needs root and bubblewrap (make deps)"), .timeLimit(.minutes(5)))
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
}
