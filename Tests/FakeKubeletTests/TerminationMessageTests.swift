import Foundation
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// What a container says at its end.
@Suite(.whereContainersRun, .takesTurns, .timeLimit(.minutes(10)))
struct TerminationMessageTests {
  @Test(
    arguments: [
      ("echo bye > /dev/termination-log; exit 1", "", "bye\n"),
      ("echo bye > /dev/termination-log", "", "bye\n"),
      ("echo bye > /last/words; exit 1", "terminationMessagePath: /last/words", "bye\n"),
      (
        "echo bye > /dev/termination-log; exit 1", "securityContext: {privileged: true}", "bye\n"
      ),
      ("echo one; echo two >&2; exit 1", "", nil),
      (
        "echo one; exit 1", "terminationMessagePolicy: FallbackToLogsOnError", "one\n"
      ),
      ("echo one; exit 0", "terminationMessagePolicy: FallbackToLogsOnError", nil),
      (
        "yes 123456789 | head -n 1000 > /dev/termination-log; exit 1", "",
        String(String(repeating: "123456789\n", count: 410).suffix(4096))
      ),
      (
        "yes 123456789 | head -n 1000; exit 1", "terminationMessagePolicy: FallbackToLogsOnError",
        String(repeating: "123456789\n", count: 80)
      ),
      // The file is the kubelet's: what it is replaced by is not read.
      (
        "rm -f /dev/termination-log; ln -sf /etc/passwd /dev/termination-log; exit 1", "", nil
      ),
    ] as [(String, String, String?)])
  func aContainersLastWordsAreInItsStatus(
    script: String, fields: String, message: String?
  ) async throws {
    try await ProcessRuntimeTests.withPlace { place in
      try place.write(
        "web.yaml",
        ProcessRuntimeTests.pod(script, policy: "Never", container: "    \(fields)"))
      try await ProcessRuntimeTests.withKubelet(place) { kubelet in
        func ended() throws -> JSONValue? {
          try JSONValue(parsing: kubelet.podList)["items"]?.elements.first?["status"]?[
            "containerStatuses"]?.elements.first?["state"]?["terminated"]
        }
        try await eventually("it has ended") { try ended() != nil }
        #expect(try ended()?["message"]?.string == message)
      }
      #expect(!FileManager.default.fileExists(atPath: "/dev/termination-log"))
      #expect(place.leftovers == [])
    }
  }
}
