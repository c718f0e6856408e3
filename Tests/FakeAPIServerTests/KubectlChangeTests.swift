import FakeKubelet
import TestSupport
import Testing

/// Changes by the real kubectl, and its watches.
extension KubectlTests {
  private static func manifest(image: String = "nginx:1") -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
      name: web
      labels: {app: web}
    spec:
      containers:
      - name: nginx
        image: \(image)
    """
  }

  @Test func createAndDelete() async throws {
    try await withServer { server, kubectl in
      try await kubectl.ready("default")
      try kubectl.files.write(Self.manifest(), to: "web.yaml")
      let file = kubectl.files.path("web.yaml")
      try await kubectl.check("create -f \(file)", prints: "pod/web created\n")
      let again = try await kubectl("create -f \(file)")
      #expect(again.code == 1)
      #expect(again.errors.contains("(AlreadyExists)"))
      #expect(again.errors.hasSuffix(": pods \"web\" already exists\n"))
      try await kubectl.check(
        "get pod web", prints: ["NAME  READY  STATUS  RESTARTS  AGE", "web  0/1  Pending  0  AGE"])
      #expect(try await kubectl.output("delete pod web").hasPrefix("pod \"web\" deleted"))
      #expect(
        try await kubectl("get pod web").errors
          == "Error from server (NotFound): pods \"web\" not found\n")
      try await kubectl.check("create namespace other", prints: "namespace/other created\n")
      #expect(try await kubectl.output("delete ns other").hasPrefix("namespace \"other\" deleted"))
    }
  }

  @Test func apply() async throws {
    try await withServer { server, kubectl in
      try await kubectl.ready("default")
      let file = kubectl.files.path("web.yaml")
      func apply(_ text: String) async throws -> String {
        try kubectl.files.write(text, to: "web.yaml")
        return try await kubectl.output("apply -f \(file)")
      }
      #expect(try await apply(Self.manifest()) == "pod/web created\n")
      #expect(try await apply(Self.manifest()) == "pod/web unchanged\n")
      #expect(try await apply(Self.manifest(image: "nginx:2")) == "pod/web configured\n")
      try await kubectl.check(
        "get pod web -o jsonpath={.spec.containers[*].image}", prints: "nginx:2")
      try await kubectl.check("label pod web tier=front", prints: "pod/web labeled\n")
      // One version says "annotate".
      #expect(
        try await kubectl.output("annotate pod web note=hello").hasPrefix("pod/web annotate"))
      try await kubectl.check("get pod -l tier=front -o name", prints: "pod/web\n")
      #expect(try await kubectl.output("label pod web tier-").hasPrefix("pod/web "))
      #expect(try await kubectl("get pod -l tier=front -o name").output == "")
    }
  }

  @Test func scaling() async throws {
    try await withRecipe { server, kubectl in
      try await kubectl.check(
        "scale rc web -n kube-system --replicas=3", prints: "replicationcontroller/web scaled\n")
      try await kubectl.check("get rc -n kube-system --no-headers", prints: ["web  3  0  0  AGE"])
      try await kubectl.check(
        "scale rc web -n kube-system --current-replicas=3 --replicas=1",
        prints: "replicationcontroller/web scaled\n")
      let wrong = try await kubectl(
        "scale rc web -n kube-system --current-replicas=3 --replicas=2")
      #expect(wrong.code == 1)
      #expect(wrong.errors.contains("replicas to be 3, was 1"), "\(wrong.errors)")
      let scale = try json(
        try await kubectl.output(
          "get --raw /api/v1/namespaces/kube-system/replicationcontrollers/web/scale"))
      #expect(scale["kind"] == "Scale")
      #expect(scale["apiVersion"] == "autoscaling/v1")
      #expect(scale["spec"] == ["replicas": 1])
      #expect(scale["status"] == ["replicas": 0, "selector": "app=web"])
    }
  }

  @Test func dryRuns() async throws {
    try await withServer { server, kubectl in
      try await kubectl.ready("default")
      let file = kubectl.files.path("web.yaml")
      try kubectl.files.write(Self.manifest(), to: "web.yaml")
      let option = "-f \(file) --dry-run=server"
      try await kubectl.check("create \(option)", prints: "pod/web created (server dry run)\n")
      #expect(try await kubectl("get pod web").code == 1)
      try await kubectl.check("create -f \(file)", prints: "pod/web created\n")
      #expect(try await kubectl("create \(option)").errors.contains("(AlreadyExists)"))
      let before = try await kubectl.output("get pod web -o json")
      try kubectl.files.write(Self.manifest(image: "nginx:2"), to: "web.yaml")
      try await kubectl.check("replace \(option)", prints: "pod/web replaced (server dry run)\n")
      #expect(
        try await kubectl.output("label pod web tier=front --dry-run=server")
          .hasPrefix("pod/web labeled"))
      #expect(
        try await kubectl.output("delete pod web --dry-run=server")
          .hasPrefix("pod \"web\" deleted"))
      try await kubectl.check("get pod web -o json", prints: before)
    }
  }

  @Test func waitForACondition() async throws {
    try await withServer { server, kubectl in
      try await kubectl.ready("default")
      var pod = Recipe.pod("web", on: "kube-master1", containers: ["nginx"])
      pod["metadata"] = ["name": "web", "namespace": "default"]
      pod["status"] = ["phase": "Pending", "conditions": [["type": "Ready", "status": "False"]]]
      try await server.post("namespaces/default/pods", pod)
      let late = try await kubectl("wait --for=condition=Ready pod/web --timeout=1s")
      #expect(late.code == 1)
      #expect(late.errors == "error: timed out waiting for the condition on pods/web\n")
      async let met = kubectl.output("wait --for=condition=Ready pod/web --timeout=120s")
      try await server.patch(
        "namespaces/default/pods/web/status",
        ["status": ["phase": "Running", "conditions": [["type": "Ready", "status": "True"]]]])
      #expect(try await met == "pod/web condition met\n")
    }
  }

  /// Both forms of kubectl's: evictions, and deletions; it sends them as protocol buffers.
  @Test(arguments: ["", " --disable-eviction"])
  func drain(option: String) async throws {
    try await withServer { server, kubectl in
      try await kubectl.ready("default")
      try await server.post("nodes", Recipe.node("kube-master1"))
      try kubectl.files.write(Self.manifest(), to: "web.yaml")
      _ = try await kubectl.output("create -f \(kubectl.files.path("web.yaml"))")
      let bound = try await server.call(
        "POST", "\(Caller.pods)/web/binding",
        #"{"target":{"kind":"Node","name":"kube-master1"}}"#)
      #expect(bound.code == 201)
      let answer = try await kubectl(
        "drain kube-master1 --force --grace-period=0 --timeout=60s\(option)")
      #expect(answer.code == 0, "\(answer.errors)")
      #expect(answer.output.hasSuffix("node/kube-master1 drained\n"), "\(answer)")
      #expect(try await server.call("GET", "\(Caller.pods)/web").code == 404)
      try await kubectl.check(
        "get node kube-master1 -o jsonpath={.spec.unschedulable}", prints: "true")
    }
  }

  @Test func commandsThatNeedAStreamAreRefusedWithWords() async throws {
    try await withRecipe { server, kubectl in
      let name = Recipe.names[1]
      for command in [
        "attach \(name) -n kube-system", "port-forward \(name) -n kube-system 80",
      ] {
        let answer = try await kubectl(command)
        #expect(answer.code == 1)
        #expect(answer.errors.contains("is not supported on resources of kind"), "\(answer)")
      }
    }
  }

  @Test func watchingPods() async throws {
    try await withRecipe { server, kubectl in
      let name = "kube-scheduler-kube-master2"
      try await kubectl.following("get pod -n kube-system -w") { lines in
        try await eventually("all are listed") { lines().count == 5 }
        try await server.patch(
          "namespaces/kube-system/pods/\(name)/status",
          [
            "status": [
              "containerStatuses": [
                [
                  "name": "kube-scheduler", "ready": false, "restartCount": 2,
                  "state": ["waiting": ["reason": "CrashLoopBackOff"]],
                ]
              ]
            ]
          ])
        try await eventually("the change is there") { lines().count >= 6 }
        #expect(lines().last == "\(name)  0/1  CrashLoopBackOff  2  AGE")
        try await server.post(
          "namespaces/kube-system/pods",
          Recipe.pod("web", on: "kube-master1", containers: ["a", "b"]))
        try await eventually("the new pod runs") {
          lines().last == "web-kube-master1  2/2  Running  0  AGE"
        }
        _ = try await kubectl.output("delete pod web-kube-master1 -n kube-system --wait=false")
        try await eventually("the pod ends") {
          lines().filter { $0.hasPrefix("web-kube-master1") }.count >= 3
        }
        #expect(lines().count { $0.hasPrefix("NAME") } == 1)
      }
    }
  }

  @Test func watchingOnePod() async throws {
    try await withRecipe { server, kubectl in
      let name = "kube-scheduler-kube-master2"
      try await kubectl.following("get pod \(name) -n kube-system --watch") { lines in
        try await eventually("it is listed") { lines().count == 2 }
        try await server.patch(
          "namespaces/kube-system/pods/\(name)/status", ["status": ["reason": "Evicted"]])
        try await eventually("the change is there") { lines().count >= 3 }
        #expect(lines().last == "\(name)  1/1  Evicted  0  AGE")
      }
    }
  }
}
