import ContainerShim
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// The command line of a container, without starting it.
@Suite struct ContainerCommandTests {
  private static func words(
    _ mounts: ContainerCommand.Mount..., tree: ContainerCommand.Tree = Self.tree,
    imageRoot: String = ""
  ) -> [String] {
    ContainerCommand(
      imageRoot: imageRoot, tree: tree, mounts: mounts, hostname: "n1",
      environment: ContainerEnvironment(hostname: "n1"), workingDirectory: "/", words: ["true"]
    ).arguments
  }

  /// An option with its arguments.
  private static func uses(_ option: String, _ count: Int, in words: [String]) -> [[String]] {
    words.indices.filter { words[$0] == option }.map { Array(words[($0 + 1)...($0 + count)]) }
  }

  private static let tree: ContainerCommand.Tree = [
    "/": ["usr": .directory, "srv": .directory, "bin": .link(to: "usr/bin"), "proc": .directory],
    "/usr": ["bin": .directory, "share": .directory],
    "/srv": ["www": .directory, "note": .other],
  ]

  @Test func theRootIsPutTogetherReadOnly() {
    let words = Self.words()
    #expect(Self.uses("--ro-bind", 2, in: words) == [["/srv", "/srv"], ["/usr", "/usr"]])
    #expect(Self.uses("--symlink", 2, in: words) == [["usr/bin", "/bin"]])
    #expect(Self.uses("--proc", 1, in: words) == [["/proc"]])
    #expect(words.suffix(2) == ["--chdir", "/"])
  }

  @Test func aMountWhosePlaceIsThereReplacesIt() {
    let words = Self.words(.init(hostPath: "/h", target: "/usr/share", isReadOnly: true))
    #expect(Self.uses("--tmpfs", 1, in: words) == [["/tmp"], ["/run"]])
    #expect(Self.uses("--ro-bind", 2, in: words).last == ["/h", "/usr/share"])
  }

  @Test func aMountWithoutAPlaceGetsOneInACopyOfTheDirectory() {
    let words = Self.words(
      .init(hostPath: "/h", target: "/srv/kubernetes/deep", isReadOnly: false))
    #expect(Self.uses("--tmpfs", 1, in: words) == [["/tmp"], ["/run"], ["/srv"]])
    #expect(
      Self.uses("--ro-bind", 2, in: words).suffix(2) == [
        ["/srv/note", "/srv/note"], ["/srv/www", "/srv/www"],
      ])
    #expect(Self.uses("--bind", 2, in: words) == [["/h", "/srv/kubernetes/deep"]])
  }

  @Test func aMountOnTheRootNeedsNoCopyAndTheOuterOneComesFirst() {
    let words = Self.words(
      .init(hostPath: "/i", target: "/usr/share/www", isReadOnly: false),
      .init(hostPath: "/o", target: "/manifests", isReadOnly: false))
    #expect(Self.uses("--tmpfs", 1, in: words).prefix(2) == [["/tmp"], ["/run"]])
    #expect(Self.uses("--bind", 2, in: words).map(\.[0]) == ["/o", "/i"])
  }

  @Test func aMountReplacesALinkAndIsNotPutWhereItLeads() {
    let tree: ContainerCommand.Tree = [
      "/": ["opt": .directory, "sbin": .link(to: "usr/sbin")],
      "/opt": ["daemon": .link(to: "/elsewhere/daemon"), "other": .link(to: "daemon")],
    ]
    let words = Self.words(
      .init(hostPath: "/h", target: "/opt/daemon", isReadOnly: true),
      .init(hostPath: "/s", target: "/sbin", isReadOnly: true), tree: tree)
    #expect(Self.uses("--tmpfs", 1, in: words) == [["/tmp"], ["/run"], ["/opt"]])
    #expect(Self.uses("--symlink", 2, in: words) == [["daemon", "/opt/other"]])
    #expect(
      Self.uses("--ro-bind", 2, in: words).suffix(2) == [["/s", "/sbin"], ["/h", "/opt/daemon"]])
  }

  @Test(
    arguments: [
      ("/../oldroot/tmp/x", "/oldroot/tmp/x"), ("/a/./b//../c", "/a/c"), ("/", "/"),
      // Links on the way lead where they lead in the container.
      ("/bin/tool", "/usr/bin/tool"), ("/bin", "/bin"), ("/run/away/x", "/x"), ("/run/up/x", "/x"),
      ("/run/abs/x", "/usr/share/x"), ("/run/loop/x", nil),
    ] as [(String, String?)])
  func aPlaceIsInTheContainer(path: String, place: String?) {
    let tree: ContainerCommand.Tree = [
      "/": ["bin": .link(to: "usr/bin"), "run": .directory],
      "/run": [
        "away": .link(to: "/../.."), "up": .link(to: "../../.."), "abs": .link(to: "/usr/share"),
        "loop": .link(to: "loop"),
      ],
    ]
    #expect(ContainerPath.place(of: path) { tree[$0] ?? [:] } == place)
  }

  @Test func whatLiesInAVolumeIsPutTogetherByTheShim() throws {
    let command = ContainerCommand(
      tree: Self.tree,
      mounts: [
        .init(hostPath: "/i", target: "/v/a/b", isReadOnly: true),
        .init(hostPath: "/p", subPath: "x/y", target: "/part", isReadOnly: true),
        .init(hostPath: "/h", target: "/plain", isReadOnly: false),
        .init(hostPath: "/o", target: "/v", isReadOnly: false),
        .init(hostPath: "/n", target: "/v/a", isReadOnly: false),
      ], hostname: "n1", environment: ContainerEnvironment(hostname: "n1"), workingDirectory: "/",
      words: ["true"], shimDirectory: "/s")
    #expect(
      command.staged == [
        StagedMount(source: "/p", subPath: "x/y", isReadOnly: true, outer: nil),
        StagedMount(source: "/o", subPath: "", isReadOnly: false, outer: nil),
        StagedMount(
          source: "/n", subPath: "", isReadOnly: false, outer: .init(index: 1, place: "a")),
        StagedMount(
          source: "/i", subPath: "", isReadOnly: true, outer: .init(index: 1, place: "a/b")),
      ])
    #expect(
      Self.uses("--bind", 2, in: command.arguments) == [
        ["/s/m0", "/part"], ["/h", "/plain"], ["/s/m1", "/v"],
      ])
    #expect(StagedMount.mounts(StagedMount.text(of: command.staged)) == command.staged)
    #expect(StagedMount.mounts("[[1]]") == nil)
  }

  /// Source: containerd's `pkg/cri/opts` WithCapabilities.
  @Test(
    arguments: [
      ("{}", "", 14, "CHOWN", "SYS_ADMIN"),
      ("{capabilities: {add: [NET_ADMIN, sys_time], drop: [CHOWN]}}", "", 15, "SYS_TIME", "CHOWN"),
      ("{capabilities: {drop: [ALL], add: [KILL]}}", "", 1, "KILL", "CHOWN"),
      ("{capabilities: {add: [ALL], drop: [SYS_TIME]}}", "SYS_TIME", 40, "SYS_ADMIN", "SYS_TIME"),
      ("{capabilities: {add: [ALL, KILL], drop: [ALL]}}", "", 1, "KILL", "ALL"),
      ("{privileged: true, capabilities: {drop: [ALL]}}", "", 41, "SYS_ADMIN", nil),
    ] as [(String, String, Int, String, String?)])
  func capabilitiesAreThoseOfTheManifest(
    context: String, lost: String, count: Int, has: String, lacks: String?
  ) throws {
    let pod = try Fixtures.manifest(spec: "    securityContext: \(context)")
    let privileges = ContainerPrivileges(try #require(pod.spec(ofContainer: "main")))
    let added = Self.uses("--cap-add", 1, in: privileges.capabilities).map(\.[0])
    let dropped = Self.uses("--cap-drop", 1, in: privileges.capabilities).map(\.[0])
    func hasBit(_ name: String) -> Bool {
      ContainerPrivileges.names.firstIndex(of: name).map { privileges.bits >> UInt64($0) & 1 == 1 }
        ?? false
    }
    #expect(privileges.bits.nonzeroBitCount == count)
    #expect(hasBit(has))
    if let lacks { #expect(!hasBit(lacks)) }
    if count >= 40 {
      #expect(added == ["ALL"])
      #expect(dropped == (lost.isEmpty ? [] : ["CAP_\(lost)"]))
    } else {
      #expect(dropped == ["ALL"])
      #expect(added == ContainerPrivileges.names.filter(hasBit).sorted().map { "CAP_\($0)" })
    }
  }

  @Test func theKernelsFilesAreHiddenOrReadOnly() {
    let files: [String: ContainerCommand.Entry] = [
      "/proc/kcore": .other, "/proc/sys": .directory, "/sys/firmware": .directory,
    ]
    var privileges = ContainerPrivileges()
    #expect(
      privileges.arguments(of: files) == [
        "--dev-bind", "/dev/null", "/proc/kcore", "--ro-bind", "/proc/sys", "/proc/sys",
        "--tmpfs", "/sys/firmware", "--remount-ro", "/sys/firmware",
      ])
    privileges.isPrivileged = true
    #expect(privileges.arguments(of: files) == ["--bind", "/proc/sys", "/proc/sys"])
  }

  @Test func anImageThatIsADirectoryIsTheRoot() {
    let words = Self.words(tree: ["/": ["app": .other]], imageRoot: "/img")
    #expect(Self.uses("--ro-bind", 2, in: words) == [["/img/app", "/app"]])
  }

  @Test(arguments: [
    ("registry:5000/a/podmaster:1.1", "registry:5000/a/podmaster"), ("web", "web"),
    ("web@sha256:0", "web"), ("r:5/web", "r:5/web"), ("a/web:1@sha256:0", "a/web"),
  ])
  func anImagesNameHasNoTag(image: String, name: String) {
    #expect(ImageMap.name(image) == name)
  }

  @Test func imagesAreFoundByNameAndTag() throws {
    var images = ImageMap()
    images.add("a/podmaster", path: "/opt/elector")
    images.add("a/podmaster:2", path: "/opt/image")
    func root(_ image: String) -> ImageMap.Root {
      images.root(of: image) { $0 == "/opt/image" }
    }
    #expect(root("a/podmaster:1.1") == .binary("/opt/elector", at: "/podmaster"))
    #expect(root("a/podmaster:2") == .directory("/opt/image"))
    #expect(root("other:1") == .host)
    #expect(ImageMap.entry("a=b") == nil)
    #expect(ImageMap.entry("=/b") == nil)
    #expect(try #require(ImageMap.entry("a:1=/b=c")) == ("a:1", "/b=c"))
  }

  @Test(arguments: [
    ("$(A)-$(B)", "a-$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A"), ("x", "x"),
  ])
  func referencesAreExpandedAsTheAPISays(text: String, expanded: String) throws {
    var environment = ContainerEnvironment(hostname: "h")
    let pod = try Fixtures.manifest()
    #expect(
      environment.add(
        ["env": [["name": "A", "value": "a"]]], of: pod, nodeAddress: "10.0.0.1") == nil)
    #expect(environment.expand(text) == expanded)
  }

  @Test func variablesComeFromThePodAndFromEachOther() throws {
    let pod = try Fixtures.manifest(uid: "u", annotations: ["x/y": "note"])
    var environment = ContainerEnvironment(hostname: "h")
    func field(_ name: String, _ path: String) -> JSONValue {
      ["name": .string(name), "valueFrom": ["fieldRef": ["fieldPath": .string(path)]]]
    }
    let problem = environment.add(
      [
        "env": [
          field("NAME", "metadata.name"), field("NODE", "spec.nodeName"),
          field("NOTE", "metadata.annotations['x/y']"), field("IP", "status.podIP"),
          ["name": "ALL", "value": "$(NAME)@$(NODE)"], ["name": "PATH", "value": "/bin"],
        ]
      ], of: pod, nodeAddress: "10.0.0.1")
    #expect(problem == nil)
    #expect(environment["ALL"] == "web-kube-master1@kube-master1")
    #expect(environment["NOTE"] == "note")
    #expect(environment["IP"] == "10.0.0.1")
    #expect(environment["PATH"] == "/bin")
    #expect(environment["HOSTNAME"] == "h")
  }

  @Test(
    arguments: [
      (
        ["env": [["name": "S", "valueFrom": ["secretKeyRef": ["name": "s", "key": "k"]]]]],
        "env[0].valueFrom.secretKeyRef: this node supports only fieldRef and resourceFieldRef"
      ),
      (
        ["env": [["name": "F", "valueFrom": ["fieldRef": ["fieldPath": "spec.nothing"]]]]],
        "env[0].valueFrom.fieldRef.fieldPath: unknown field \"spec.nothing\""
      ),
      (
        ["envFrom": [["configMapRef": ["name": "c"]]]],
        "envFrom: this node has no ConfigMaps and Secrets"
      ),
    ] as [(JSONValue, String)])
  func whatHasNoSourceIsNamed(container: JSONValue, problem: String) throws {
    var environment = ContainerEnvironment(hostname: "h")
    let pod = try Fixtures.manifest()
    #expect(environment.add(container, of: pod, nodeAddress: "") == problem)
  }

  /// Source: `pkg/api/v1/resource/helpers.go`.
  @Test(
    arguments: [
      ("limits.cpu", "0", "2"), ("limits.cpu", "1m", "1500"), ("requests.cpu", "0", "1"),
      ("limits.memory", "0", "67108864"), ("limits.memory", "1Mi", "64"),
      ("limits.memory", "1M", "68"), ("requests.memory", "1Gi", "1"),
      // Without a limit, what the machine has; without a request, nothing.
      ("limits.ephemeral-storage", "1", "5000"), ("requests.ephemeral-storage", "1", "0"),
      ("limits", "1", nil),
    ] as [(String, String, String?)])
  func aResourceIsCountedInItsDivisor(resource: String, divisor: String, text: String?) {
    var machine = MachineFacts()
    machine.diskBytes = 5000
    let container: JSONValue = [
      "resources": [
        "limits": ["cpu": "1500m", "memory": "64Mi"], "requests": ["cpu": "0.2", "memory": "64Mi"],
      ]
    ]
    #expect(
      ContainerResource.text(
        ["resource": .string(resource), "divisor": .string(divisor)], of: container,
        machine: machine) == text)
  }

  @Test func whatIsNotEnforcedIsNamed() throws {
    let pod = try Fixtures.manifest(
      image: "nginx",
      spec: """
            resources: {limits: {cpu: 1}}
            securityContext: {runAsUser: 1, privileged: true, capabilities: {drop: [ALL]}}
            livenessProbe: {grpc: {port: 1}}
            tty: true
          securityContext: {fsGroup: 1}
          hostPID: true
          hostAliases: [{ip: 10.0.0.1, hostnames: [a]}]
          volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 1Mi}}, {name: w, emptyDir: {}}]
        """)
    #expect(
      UnenforcedFields.list(of: pod) == [
        "spec.hostNetwork=false", "spec.securityContext", "spec.hostPID", "spec.hostAliases",
        "spec.volumes[0].emptyDir.medium", "spec.volumes[0].emptyDir.sizeLimit",
        "spec.containers[0].resources", "spec.containers[0].tty",
        "spec.containers[0].securityContext.runAsUser", "spec.containers[0].imagePullPolicy",
        "spec.containers[0].livenessProbe.grpc",
      ])
    let quiet = try Fixtures.manifest(spec: "  hostNetwork: true")
    #expect(UnenforcedFields.list(of: quiet) == [])
  }

  @Test func outputIsCutIntoLinesOfALog() {
    var lines = ContainerLogLines(stream: "stdout")
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    #expect(text(lines.append("a\nb".utf8, time: "T")) == "T stdout F a\n")
    #expect(text(lines.append("c\n\n".utf8, time: "U")) == "U stdout F bc\nU stdout F \n")
    let long = [UInt8](repeating: UInt8(ascii: "x"), count: ContainerLogLines.longestPart + 1)
    let cut = text(lines.append(long, time: "V"))
    #expect(cut.hasPrefix("V stdout P xxx"))
    #expect(cut.utf8.count == ContainerLogLines.longestPart + 12)
    #expect(text(lines.end(time: "W")) == "W stdout F x\n")
    #expect(lines.end(time: "X") == [])
  }

  @Test(arguments: [
    ShimReport.started(process: 12), .exited(code: 143), .failed("bwrap: no such file"),
  ])
  func whatAShimReportsIsReadAsItWasWritten(report: ShimReport) {
    #expect(ShimReport(line: String(report.line.dropLast())) == report)
  }
}
