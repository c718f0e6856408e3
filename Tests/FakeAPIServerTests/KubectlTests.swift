import TestSupport
import Testing

/// Commands of the real kubectl and their output, without ages.
///
/// The expectations hold for kubectl 1.20 and 1.27 to 1.33.
@Suite(
  .timeLimit(.minutes(10)),
  .enabled(
    if: Kubectl.program != nil,
    "THERE IS NO kubectl: nothing of what it sees is tested; make deps installs one"))
struct KubectlTests {
  // MARK: - The recipe

  @Test func theRecipesTable() async throws {
    try await withServer { server, kubectl in
      #expect(
        try await kubectl.output("create namespace kube-system")
          == "namespace/kube-system created\n")
      for pod in Recipe.pods { try await server.post("namespaces/kube-system/pods", pod) }
      #expect(
        try await kubectl.lines("get pod --namespace=kube-system") == [
          "NAME  READY  STATUS  RESTARTS  AGE",
          "kube-controller-manager-kube-master1  1/1  Running  0  AGE",
          "kube-scheduler-kube-master2  1/1  Running  0  AGE",
          "podmaster-kube-master1  2/2  Running  0  AGE",
          "podmaster-kube-master2  2/2  Running  1 (AGE ago)  AGE",
        ])
      #expect(
        try await kubectl.lines("get po -A -o wide")[...1] == [
          "NAMESPACE  NAME  READY  STATUS  RESTARTS  AGE  IP  NODE  NOMINATED NODE  READINESS GATES",
          "kube-system  kube-controller-manager-kube-master1  1/1  Running  0  AGE  127.0.0.1  "
            + "kube-master1  <none>  <none>",
        ])
      // The recipe's other command: curl sends it as a form.
      try await server.send(
        .POST, "namespaces",
        ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "another"]],
        type: "application/x-www-form-urlencoded")
      #expect(try await kubectl.output("get ns another -o name") == "namespace/another\n")
      let again = try await kubectl("create namespace kube-system")
      #expect(again.code == 1)
      #expect(
        again.errors
          == "Error from server (AlreadyExists): namespaces \"kube-system\" already exists\n")
    }
  }

  // MARK: - get

  @Test func podsInAllForms() async throws {
    try await withRecipe { server, kubectl in
      #expect(
        try await kubectl.output("get pod -n kube-system -o name")
          == Recipe.names.map { "pod/\($0)\n" }.joined())
      #expect(
        try await kubectl.output(
          "get pod -n kube-system -o jsonpath={.items[*].spec.nodeName}")
          == "kube-master1 kube-master2 kube-master1 kube-master2")
      #expect(
        try await kubectl.lines(
          "get pod -n kube-system podmaster-kube-master1 "
            + "-o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image") == [
            "NAME  IMAGE",
            "podmaster-kube-master1  gcr.io/google_containers/podmaster:1.1",
          ])
      let json = try JSONText.value(
        try await kubectl.output("get pod -n kube-system podmaster-kube-master1 -o json"))
      #expect(json["kind"] == "Pod")
      #expect(json["apiVersion"] == "v1")
      #expect(json["spec"]?["containers"]?.elements.count == 2)
      #expect(json["metadata"]?["uid"]?.string?.isEmpty == false)
      let list = try JSONText.value(try await kubectl.output("get pods -A -o json"))
      #expect(list["kind"] == "List")
      #expect(list["items"]?.elements.count == 4)
      #expect(
        try await kubectl.output("get pod -n kube-system podmaster-kube-master1 -o yaml")
          .contains("\n  name: podmaster-kube-master1\n  namespace: kube-system\n"))
      #expect(
        try await kubectl.lines("get pod -n kube-system podmaster-kube-master1 --no-headers")
          == ["podmaster-kube-master1  2/2  Running  0  AGE"])
      #expect(
        try await kubectl.output("get pod -n kube-system --sort-by=.spec.nodeName -o name")
          .split(separator: "\n").count == 4)
      #expect(
        try await kubectl.lines("get pod -n kube-system --sort-by={.spec.nodeName} --no-headers")
          .map { $0.prefix { $0 != " " } } == [
            "kube-controller-manager-kube-master1", "podmaster-kube-master1",
            "kube-scheduler-kube-master2", "podmaster-kube-master2",
          ])
      #expect(
        try await kubectl.lines("get pod -n kube-system --show-labels -l tier=control-plane") == [
          "NAME  READY  STATUS  RESTARTS  AGE  LABELS",
          "kube-controller-manager-kube-master1  1/1  Running  0  AGE  tier=control-plane",
          "kube-scheduler-kube-master2  1/1  Running  0  AGE  tier=control-plane",
        ])
      #expect(
        try await kubectl.output(
          "get pod -n kube-system -o name --field-selector spec.nodeName=kube-master2")
          == "pod/kube-scheduler-kube-master2\npod/podmaster-kube-master2\n")
      #expect(
        try await kubectl.output(
          "get pod -n kube-system -o name --field-selector metadata.name=podmaster-kube-master1,status.phase=Running"
        )
          == "pod/podmaster-kube-master1\n")
      #expect(
        try await kubectl.output("get pod -n kube-system -o name -l tier!=control-plane")
          == "pod/podmaster-kube-master1\npod/podmaster-kube-master2\n")
    }
  }

  @Test func theOtherResources() async throws {
    try await withRecipe { server, kubectl in
      #expect(
        try await kubectl.lines("get nodes") == [
          "NAME  STATUS  ROLES  AGE  VERSION", "kube-master1  Ready  master  AGE  v1.32.0",
        ])
      #expect(
        try await kubectl.lines("get no -o wide")[1]
          == "kube-master1  Ready  master  AGE  v1.32.0  127.0.0.1  <none>  Debian  <unknown>  pretend://1"
      )
      #expect(
        try await kubectl.lines("get ns kube-system")
          == ["NAME  STATUS  AGE", "kube-system  Active  AGE"])
      #expect(
        try await kubectl.lines("get events -n kube-system") == [
          "LAST SEEN  TYPE  REASON  OBJECT  MESSAGE",
          "AGE  Normal  Started  pod/podmaster-kube-master1  Started container scheduler-elector",
        ])
      #expect(
        try await kubectl.lines("get leases -A") == [
          "NAMESPACE  NAME  HOLDER  AGE", "kube-system  scheduler  kube-master1  AGE",
        ])
      #expect(
        try await kubectl.lines("get rc -n kube-system -o wide") == [
          "NAME  DESIRED  CURRENT  READY  AGE  CONTAINERS  IMAGES  SELECTOR",
          "web  2  0  0  AGE  nginx  nginx:1  app=web",
        ])
      let all = try await kubectl.lines("get all -n kube-system")
      #expect(all.contains("pod/podmaster-kube-master1  2/2  Running  0  AGE"))
      #expect(all.contains("replicationcontroller/web  2  0  0  AGE"))
      #expect(!all.contains { $0.hasPrefix("event") })
      let raw = try JSONText.value(try await kubectl.output("get --raw /api/v1/nodes/kube-master1"))
      #expect(raw["kind"] == "Node")
    }
  }

  @Test func discoveryAndVersion() async throws {
    try await withServer { server, kubectl in
      let resources = try await kubectl.lines("api-resources --no-headers -o wide")
      #expect(resources.count == 6)
      #expect(resources.contains { $0.hasPrefix("leases  coordination.k8s.io/v1  true  Lease  ") })
      #expect(resources.contains { $0.hasPrefix("pods  po  v1  true  Pod  ") })
      #expect(
        try await kubectl.output("api-versions") == "coordination.k8s.io/v1\nv1\n")
      let version = try await kubectl("version --output=json")
      #expect(version.code == 0)
      #expect(
        try JSONText.value(version.output)["serverVersion"]?["gitVersion"] == "v1.32.0")
    }
  }

  // MARK: - Errors

  @Test func whatIsNotThere() async throws {
    try await withRecipe { server, kubectl in
      let cases: [(command: String, errors: String, code: Int32)] = [
        (
          "get pod nope -n kube-system", "Error from server (NotFound): pods \"nope\" not found\n",
          1
        ),
        (
          "get pod nope -n nowhere",
          "Error from server (NotFound): namespaces \"nowhere\" not found\n", 1
        ),
        ("get nodes nope", "Error from server (NotFound): nodes \"nope\" not found\n", 1),
        (
          "get leases nope -n kube-system",
          "Error from server (NotFound): leases.coordination.k8s.io \"nope\" not found\n", 1
        ),
        ("get widgets", "error: the server doesn't have a resource type \"widgets\"\n", 1),
        ("get pod -n nowhere", "No resources found in nowhere namespace.\n", 0),
        (
          "delete pod nope -n kube-system",
          "Error from server (NotFound): pods \"nope\" not found\n", 1
        ),
        (
          "get --raw /api/v1/nope",
          "Error from server (NotFound): the server could not find the requested resource\n", 1
        ),
      ]
      for (command, errors, code) in cases {
        let answer = try await kubectl(command)
        #expect(answer == .init(code: code, output: "", errors: errors), "\(command)")
      }
    }
  }
}
