import Foundation
import Glibc
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// What a container can do to the machine. Every way out opens and closes only: it hurts nothing if it succeeds.
@Suite(.whereContainersRun, .takesTurns, .timeLimit(.minutes(10)))
struct ProcessEscapeTests {
  typealias Place = ProcessRuntimeTests.Place

  /// A shell line that succeeds if it has got out.
  struct Way: CustomTestStringConvertible {
    let name: String
    let line: String
    /// Whether `privileged: true` opens it on every machine.
    var isGranted = false

    init(_ name: String, isGranted: Bool = false, _ line: String) {
      (self.name, self.line, self.isGranted) = (name, line, isGranted)
    }

    var testDescription: String { self.name }
  }

  /// A system call that is refused at once without a capability, and otherwise fails for its arguments.
  private static func call(_ intel: Int, _ arm: Int, _ arguments: String) -> String {
    #if arch(arm64)
      let number = arm
    #else
      let number = intel
    #endif
    return "perl -MErrno -e 'my $x = \"\\0\" x 128; exit(syscall(\(number), \(arguments)) >= 0 "
      + "|| !($!{EPERM} || $!{ENOSYS} || $!{EACCES}) ? 0 : 1)'"
  }

  /// `MARKER` stands for a file in the machine's `/run`, `PROCESS` for a process of the machine.
  private static let ways = [
    Way("the read-only root is remounted", isGranted: true, "mount -o remount,bind,rw /usr"),
    Way("the same in a user namespace", "unshare -Urm mount -o remount,bind,rw /usr"),
    Way("a file system is mounted", isGranted: true, "mount -t tmpfs none /mnt"),
    Way("/proc/sys is uncovered", isGranted: true, "umount /proc/sys"),
    Way("/run is uncovered", "umount /run && [ -e MARKER ]"),
    Way("core_pattern", isGranted: true, ": >>/proc/sys/kernel/core_pattern"),
    Way("the path of modprobe", ": >>/proc/sys/kernel/modprobe"),
    Way("sysrq", "[ -e /proc/sysrq-trigger ] && : >>/proc/sysrq-trigger"),
    Way(
      "the kernel's settings in /sys", "find /sys/kernel -maxdepth 1 -type f -writable | grep -q ."),
    Way("a process of the machine is signalled", "[ PROCESS -gt 300 ] && kill -0 PROCESS"),
    Way("a process of the machine is traced", "[ PROCESS -gt 300 ] && [ -e /proc/PROCESS/mem ]"),
    Way(
      "others' environment",
      "grep -qas 'container-shi[m]' /proc/[0-9]*/cmdline /proc/[0-9]*/environ"),
    Way("the machine's /run", "[ -e MARKER ]"),
    Way("a socket in /run", "find /run /var/run/ -type s | grep -q ."),
    Way("the machine's root by /proc", "[ -e /proc/1/root/MARKER ]"),
    Way("the machine's root where bubblewrap had it", "[ -e /oldroot ]"),
    Way("an open descriptor", "ls /proc/1/fd | grep -qv '^[012]$'"),
    Way("the memory as a new node in /tmp", "mknod /tmp/mem c 1 1; : </tmp/mem"),
    Way(
      "a new node in /dev",
      "mknod /dev/zm-new c 1 3 && : </dev/zm-new; got=$?; rm -f /dev/zm-new; [ $got = 0 ]"),
    Way("a new node in a volume", "mknod /h/new c 1 3; : </h/new"),
    Way("/dev/mem", ": </dev/mem"),
    Way("a raw block device", "find /dev -type b | grep -q ."),
    Way("/proc/kcore", "head -c 1 /proc/kcore | grep -qa ."),
    Way("the kernel's keys", "grep -q . /proc/keys"),
    Way(
      "debugfs and firmware",
      "ls /sys/kernel/debug/* /sys/kernel/tracing/* /sys/firmware/* | grep -q ."),
    Way("a module is loaded", Self.call(313, 273, "-1, $x, 0")),
    Way("another kernel is loaded", Self.call(246, 104, "0, 1 << 20, 0, 0")),
    Way("a reboot with wrong numbers", isGranted: true, Self.call(169, 142, "0, 0, 0, 0")),
    Way("programs in the kernel", Self.call(321, 280, "11, $x, 128")),
    Way("a cgroup is mounted", isGranted: true, "mount -t cgroup2 none /mnt"),
    Way("a cgroup is entered", ": >>/sys/fs/cgroup/cgroup.procs"),
    Way(
      "out of a chroot",
      "perl -e 'mkdir \"/tmp/j\"; chdir \"/\"; chroot \"/tmp/j\"; chdir \"..\" for 1..64; chroot \".\"; "
        + "exit(-e \"MARKER\" || -e \"/oldroot\" ? 0 : 1)'"),
    Way("a namespace is entered", isGranted: true, "nsenter --uts=/proc/self/ns/uts true"),
    Way("the machine's network is set", "ip link set lo up"),
    Way(
      "a file by its handle",
      "perl -e 'my $h = pack(\"Ii\", 120, 0) . \"\\0\" x 120; my $m = \"\\0\" x 8; my $p = \"/usr\"; "
        + "exit(syscall(303, -100, $p, $h, $m, 0) == 0 && syscall(304, -100, $h, 0) >= 0 ? 0 : 1)'"),
  ]

  /// Runs all ways in a container.
  /// - Returns: the names of those that lead out.
  private static func open(_ context: String, in place: Place) async throws -> Set<String> {
    let marker = "/run/zm-\(place.directory.lastPathComponent)"
    try Data().write(to: URL(filePath: marker))
    defer { try? FileManager.default.removeItem(atPath: marker) }
    let lines = Self.ways.enumerated().map { number, way in
      let line = way.line.replacing("MARKER", with: marker).replacing(
        "PROCESS", with: "\(getpid())")
      return "( \(line) ) >/dev/null 2>&1 </dev/null && echo \(number) >>/h/open"
    }
    try Data(lines.joined(separator: "\n").utf8).write(to: place.host.appending(path: "ways"))
    try place.write(
      "web.yaml",
      ProcessRuntimeTests.pod(
        "sh /h/ways; touch /h/end", policy: "Never",
        container: """
              securityContext: \(context)
              volumeMounts: [{name: h, mountPath: /h}]
          """,
        spec: "  volumes: [{name: h, hostPath: {path: \(place.host.path)}}]"))
    try await ProcessRuntimeTests.withKubelet(place) { _ in
      try await eventually("all ways were tried", within: .seconds(120)) {
        (try? place.host("end")) != nil
      }
    }
    let numbers = ((try? place.host("open")) ?? "").split(separator: "\n").compactMap { Int($0) }
    return Set(numbers.map { Self.ways[$0].name })
  }

  @Test(arguments: ["{}", "{privileged: false}", "{capabilities: {drop: [ALL], add: [CHOWN]}}"])
  func aContainerHasNoWayOut(context: String) async throws {
    #expect(Self.ways.count >= 20)
    try await ProcessRuntimeTests.withPlace { place in
      let open = try await Self.open(context, in: place)
      #expect(open == [])
    }
  }

  /// This also shows that the ways are ways.
  @Test func aPrivilegedOneHasWhatItAsksFor() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let open = try await Self.open("{privileged: true}", in: place)
      let granted = Set(Self.ways.filter(\.isGranted).map(\.name))
      #expect(open.isSuperset(of: granted), "\(granted.subtracting(open)) are closed")
    }
  }

  /// Hooks and probes are no way around it.
  @Test(
    arguments: [
      ("{}", "00000000a80425fb"),
      ("{capabilities: {drop: [ALL], add: [CHOWN]}}", "0000000000000001"),
      ("{capabilities: {add: [SYS_TIME]}}", "00000000aa0425fb"),
    ])
  func whatRunsInAContainerHasItsCapabilities(context: String, bits: String) async throws {
    try await ProcessRuntimeTests.withPlace { place in
      try place.write(
        "web.yaml",
        ProcessRuntimeTests.pod(
          "grep CapEff /proc/self/status >/h/main~; mv /h/main~ /h/main; sleep 1000 & wait",
          container: """
                securityContext: \(context)
                volumeMounts: [{name: h, mountPath: /h}]
                lifecycle: {postStart: {exec: {command:
                  [/bin/sh, -c, "grep CapEff /proc/self/status >/h/hook~; mv /h/hook~ /h/hook"]}}}
            """,
          spec: "  volumes: [{name: h, hostPath: {path: \(place.host.path)}}]"))
      try await ProcessRuntimeTests.withKubelet(place) { _ in
        for name in ["main", "hook"] {
          try await eventually("\(name) has written") { (try? place.host(name)) != nil }
          #expect(try place.host(name) == "CapEff:\t\(bits)\n", "\(name)")
        }
      }
    }
  }

  @Test func theEnvironmentIsInNoArgumentList() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      let secret = "secret-of-\(place.directory.lastPathComponent)"
      try place.write(
        "web.yaml",
        place.pod(
          "echo $SECRET >/h/env~; mv /h/env~ /h/env; sleep 1000 & wait",
          probes: "    env: [{name: SECRET, value: \(secret)}]\n"))
      try await ProcessRuntimeTests.withKubelet(place) { _ in
        try await eventually("it runs") { (try? place.host("env")) != nil }
        #expect(try place.host("env") == "\(secret)\n")
        #expect(!place.processes.isEmpty)
        for process in HostFiles.names(in: "/proc") where process.allSatisfy(\.isNumber) {
          let arguments = HostFiles.text("/proc/\(process)/cmdline") ?? ""
          #expect(!arguments.contains(secret), "\(arguments)")
        }
        let files = FileManager.default.enumerator(
          atPath: "\(place.settings.rootDirectory)/containers")
        #expect(
          files?.allObjects.compactMap { $0 as? String }.contains { $0.hasSuffix("/args") } == false
        )
      }
    }
  }

  @Test func aNULMakesNoArgument() async throws {
    try await ProcessRuntimeTests.withPlace { place in
      try place.write(
        "web.yaml",
        place.pod(
          "touch /h/ran", probes: "    env: [{name: A, value: \"x\\0--cap-add\\0ALL\"}]\n"))
      try await ProcessRuntimeTests.withKubelet(place) { kubelet in
        func failure() -> StartFailure? {
          kubelet.workers.running.values.first?.containers.first?.startFailure
        }
        try await eventually("it cannot start") { failure() != nil }
        #expect(failure()?.message.contains("contains a NUL character") == true)
      }
    }
  }
}
