import TestSupport
import Testing

/// Commands of the real kubectl and their output, without ages.
///
/// The expectations hold for kubectl 1.20 and 1.27 to 1.33.
@Suite(
  .takesTurns, .timeLimit(.minutes(10)),
  .enabled(
    if: Kubectl.program != nil,
    "THERE IS NO kubectl: nothing of what it sees is tested; make deps installs one"))
struct KubectlTests {
  // MARK: - The recipe

  @Test func theRecipesTable() async throws {
    try await withServer { server, kubectl in
      try await kubectl.check(
        "create namespace kube-system", prints: "namespace/kube-system created\n")
      for pod in Recipe.pods { try await server.post("namespaces/kube-system/pods", pod) }
      try await kubectl.check(
        "get pod --namespace=kube-system",
        prints: [
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
        "POST", "namespaces",
        ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "another"]],
        type: "application/x-www-form-urlencoded")
      try await kubectl.check("get ns another -o name", prints: "namespace/another\n")
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
      try await kubectl.check(
        "get pod -n kube-system -o name", prints: Recipe.names.map { "pod/\($0)\n" }.joined())
      try await kubectl.check(
        "get pod -n kube-system -o jsonpath={.items[*].spec.nodeName}",
        prints: "kube-master1 kube-master2 kube-master1 kube-master2")
      try await kubectl.check(
        "get pod -n kube-system podmaster-kube-master1 "
          + "-o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image",
        prints: ["NAME  IMAGE", "podmaster-kube-master1  gcr.io/google_containers/podmaster:1.1"])
      let pod = try json(
        try await kubectl.output("get pod -n kube-system podmaster-kube-master1 -o json"))
      #expect(pod["kind"] == "Pod")
      #expect(pod["apiVersion"] == "v1")
      #expect(pod["spec"]?["containers"]?.elements.count == 2)
      #expect(pod["metadata"]?["uid"]?.string?.isEmpty == false)
      let list = try json(try await kubectl.output("get pods -A -o json"))
      #expect(list["kind"] == "List")
      #expect(list["items"]?.elements.count == 4)
      #expect(
        try await kubectl.output("get pod -n kube-system podmaster-kube-master1 -o yaml")
          .contains("\n  name: podmaster-kube-master1\n  namespace: kube-system\n"))
      try await kubectl.check(
        "get pod -n kube-system podmaster-kube-master1 --no-headers",
        prints: ["podmaster-kube-master1  2/2  Running  0  AGE"])
      #expect(
        try await kubectl.output("get pod -n kube-system --sort-by=.spec.nodeName -o name")
          .split(separator: "\n").count == 4)
      #expect(
        try await kubectl.lines("get pod -n kube-system --sort-by={.spec.nodeName} --no-headers")
          .map { $0.prefix { $0 != " " } } == [
            "kube-controller-manager-kube-master1", "podmaster-kube-master1",
            "kube-scheduler-kube-master2", "podmaster-kube-master2",
          ])
      try await kubectl.check(
        "get pod -n kube-system --show-labels -l tier=control-plane",
        prints: [
          "NAME  READY  STATUS  RESTARTS  AGE  LABELS",
          "kube-controller-manager-kube-master1  1/1  Running  0  AGE  tier=control-plane",
          "kube-scheduler-kube-master2  1/1  Running  0  AGE  tier=control-plane",
        ])
      try await kubectl.check(
        "get pod -n kube-system -o name --field-selector spec.nodeName=kube-master2",
        prints: "pod/kube-scheduler-kube-master2\npod/podmaster-kube-master2\n")
      try await kubectl.check(
        "get pod -n kube-system -o name --field-selector metadata.name=podmaster-kube-master1,status.phase=Running",
        prints: "pod/podmaster-kube-master1\n")
      try await kubectl.check(
        "get pod -n kube-system -o name -l tier!=control-plane",
        prints: "pod/podmaster-kube-master1\npod/podmaster-kube-master2\n")
    }
  }

  @Test func theOtherResources() async throws {
    try await withRecipe { server, kubectl in
      try await kubectl.check(
        "get nodes",
        prints: ["NAME  STATUS  ROLES  AGE  VERSION", "kube-master1  Ready  master  AGE  v1.32.0"])
      #expect(
        try await kubectl.lines("get no -o wide")[1]
          == "kube-master1  Ready  master  AGE  v1.32.0  127.0.0.1  <none>  Debian  <unknown>  pretend://1"
      )
      try await kubectl.check(
        "get ns kube-system", prints: ["NAME  STATUS  AGE", "kube-system  Active  AGE"])
      try await kubectl.check(
        "get events -n kube-system",
        prints: [
          "LAST SEEN  TYPE  REASON  OBJECT  MESSAGE",
          "AGE  Normal  Started  pod/podmaster-kube-master1  Started container scheduler-elector",
        ])
      try await kubectl.check(
        "get leases -A",
        prints: ["NAMESPACE  NAME  HOLDER  AGE", "kube-system  scheduler  kube-master1  AGE"])
      try await kubectl.check(
        "get rc -n kube-system -o wide",
        prints: [
          "NAME  DESIRED  CURRENT  READY  AGE  CONTAINERS  IMAGES  SELECTOR",
          "web  2  0  0  AGE  nginx  nginx:1  app=web",
        ])
      let all = try await kubectl.lines("get all -n kube-system")
      #expect(all.contains("pod/podmaster-kube-master1  2/2  Running  0  AGE"))
      #expect(all.contains("replicationcontroller/web  2  0  0  AGE"))
      #expect(!all.contains { $0.hasPrefix("event") })
      let raw = try json(try await kubectl.output("get --raw /api/v1/nodes/kube-master1"))
      #expect(raw["kind"] == "Node")
    }
  }

  @Test func discoveryAndVersion() async throws {
    try await withServer { server, kubectl in
      let resources = try await kubectl.lines("api-resources --no-headers -o wide")
      #expect(resources.count == 6)
      #expect(resources.contains { $0.hasPrefix("leases  coordination.k8s.io/v1  true  Lease  ") })
      #expect(resources.contains { $0.hasPrefix("pods  po  v1  true  Pod  ") })
      try await kubectl.check("api-versions", prints: "coordination.k8s.io/v1\npolicy/v1\nv1\n")
      let version = try await kubectl("version --output=json")
      #expect(version.code == 0)
      #expect(
        try json(version.output)["serverVersion"]?["gitVersion"] == "v1.32.0")
    }
  }

  // MARK: - Errors

  @Test func whatIsNotThere() async throws {
    try await withRecipe { server, kubectl in
      for (command, what) in [
        ("get pod nope -n kube-system", #"pods "nope" not found"#),
        ("get pod nope -n nowhere", #"namespaces "nowhere" not found"#),
        ("get nodes nope", #"nodes "nope" not found"#),
        ("get leases nope -n kube-system", #"leases.coordination.k8s.io "nope" not found"#),
        ("delete pod nope -n kube-system", #"pods "nope" not found"#),
        ("get --raw /api/v1/nope", "the server could not find the requested resource"),
      ] {
        let errors = "Error from server (NotFound): \(what)\n"
        let answer = try await kubectl(command)
        #expect(answer == .init(code: 1, output: "", errors: errors), "\(command)")
      }
      for (command, errors, code) in [
        ("get widgets", "error: the server doesn't have a resource type \"widgets\"\n", 1),
        ("get pod -n nowhere", "No resources found in nowhere namespace.\n", 0),
      ] as [(String, String, Int32)] {
        let answer = try await kubectl(command)
        #expect(answer == .init(code: code, output: "", errors: errors), "\(command)")
      }
    }
  }
}
