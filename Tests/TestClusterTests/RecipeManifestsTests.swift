import Testing

@testable import TestCluster

@Suite struct RecipeManifestsTests {
  @Test func `the electors' manifest names the store, and nothing is left to fill in`() {
    let text = RecipeManifests.podmaster(store: "http://127.0.0.1:1,http://127.0.0.1:2")
    #expect(
      text.contains(#""--etcd-servers=http://127.0.0.1:1,http://127.0.0.1:2", "--key=controller""#))
    #expect(!text.contains("<"))
    #expect(text.hasPrefix("apiVersion: v1\nkind: Pod\n") && text.hasSuffix("  name: manifests\n"))
  }

  @Test(arguments: Role.allCases)
  func `a stop time is an annotation with a grace that it fits into, and without one there is none`(
    role: Role
  ) {
    let plain = RecipeManifests.elected(role, stopTime: nil)
    #expect(plain.contains(" name: \(role.podName)\n namespace: kube-system\nspec:\n"))
    #expect(!plain.contains("<"))
    #expect(!plain.contains("terminationGracePeriodSeconds"))
    let slow = RecipeManifests.elected(role, stopTime: .milliseconds(1500))
    #expect(
      slow.contains(
        " namespace: kube-system\n annotations:\n"
          + "  pretend.zweimaster.dev/stop-after: \"1500ms\"\nspec:\n"
          + " terminationGracePeriodSeconds: 2\n"))
    #expect(RecipeManifests.grace(stopTime: .zero) == .seconds(2))
    #expect(RecipeManifests.grace(stopTime: .milliseconds(2001)) == .seconds(3))
  }
}
