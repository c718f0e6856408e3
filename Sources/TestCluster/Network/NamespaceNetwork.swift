import CLinux
import FoundationEssentials
import Glibc
import NIOPosix
import Subprocess

/// Hosts in network namespaces, around a router: the namespace of this process, which is not the box's.
///
/// The kernel removes all of it with the last process in it.
package enum NamespaceNetwork {
  /// Marks that this process is in its own namespaces: its PID, which stays the same.
  private static let marker = "ZWEIMASTER_NAMESPACES"
  /// The descriptor of the box's network namespace.
  private static let boxMarker = "ZWEIMASTER_BOX_NETWORK"

  private static var isEntered: Bool {
    ProcessInfo.processInfo.environment[Self.marker] == "\(getpid())"
  }

  /// Checks that this process may create machines: namespaces for networks, mounts and processes.
  /// - Parameter disks: the directory for the machines' disks; it must not be on an overlay.
  /// - Throws: ``ClusterError/network(_:)`` with what is missing.
  package static func checkPermission(disks: String) async throws {
    if Self.isEntered { return }
    guard geteuid() == 0 else {
      throw ClusterError.network("network namespaces need root: use sudo")
    }
    try await Self.run("bwrap --version")
    // All that a machine needs, once, in namespaces that end at once.
    let trial = "\(disks)/.trial"
    defer { try? FileManager.default.removeItem(atPath: trial) }
    try await Self.run(
      """
      exec unshare --net --mount --uts --ipc --pid --fork --mount-proc sh -ec '
        ip link add trial0 type veth peer name trial1
        echo 1 >/proc/sys/net/ipv4/ip_forward
        mkdir -p "$1/upper" "$1/work"
        mount -t tmpfs tmpfs /run
        mkdir /run/disk
        mount --bind "$1" /run/disk
        mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/disk/upper,workdir=/run/disk/work /etc
      ' sh "$1"
      """, [trial],
      what: "a trial of a machine (namespaces, a link, an overlay on the disk of \(disks))")
  }

  /// Restarts this program in its own network and mount namespaces, with the same arguments and the same PID;
  /// returns when it is there already.
  /// - Parameter keepingBox: whether to keep the box's own network for ``nameBox(_:)``.
  /// - Throws: ``ClusterError/network(_:)``.
  package static func enterOwnNamespaces(keepingBox: Bool = false) throws(ClusterError) {
    if Self.isEntered { return }
    guard geteuid() == 0 else { throw .network("network namespaces need root: use sudo") }
    setenv(Self.marker, "\(getpid())", 1)
    if keepingBox {
      // It stays open over the restart; nameBox(_:) closes it for child processes.
      setenv(Self.boxMarker, "\(open("/proc/self/ns/net", O_RDONLY))", 1)
    }
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    let command =
      ["unshare", "--net", "--mount", "--propagation=private", "--"]
      + [program ?? CommandLine.arguments[0]] + CommandLine.arguments.dropFirst()
    // Some threads block signals, and the new program would inherit that.
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
    var arguments = command.map { strdup($0) } + [nil]
    execvp("unshare", &arguments)
    throw .network(
      "cannot run unshare: \(String(cString: strerror(errno))) (package util-linux)")
  }

  /// Makes this process's namespace the router.
  /// - Throws: ``ClusterError/network(_:)``.
  package static func makeRouter() async throws {
    // The names of network namespaces are files, which must not outlive this process.
    try await Self.run(
      """
      mkdir -p /run/netns
      mount -t tmpfs tmpfs /run/netns
      ip link set lo up
      cd /proc/sys/net/ipv4
      echo 1 >ip_forward
      echo 0 >conf/all/rp_filter
      echo 0 >conf/default/rp_filter
      """, what: "the set-up of the router")
  }

  /// Gives the box's own network a name for `ip netns` and for HAProxy.
  /// - Throws: ``ClusterError/network(_:)``.
  package static func nameBox(_ name: String) async throws {
    guard let box = ProcessInfo.processInfo.environment[Self.boxMarker].flatMap({ Int32($0) })
    else {
      throw ClusterError.network("the box's own network is unknown")
    }
    try await Self.run(
      "touch /run/netns/\(name); mount --bind /proc/\(getpid())/fd/\(box) /run/netns/\(name)")
    _ = fcntl(box, F_SETFD, FD_CLOEXEC)
  }

  /// A socket that is bound to a port of 127.0.0.1 in the box's own network, which ``nameBox(_:)`` has named.
  /// - Throws: ``ClusterError/network(_:)``.
  package static func bindInBox(
    _ name: String, port: Int
  ) async throws -> Result<Int32, FreePorts.Problem> {
    try await NIOThreadPool.singleton.runIfActive {
      // A thread can be in another network than its process.
      let (own, box) = (
        open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC),
        open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
      )
      defer { for descriptor in [own, box] where descriptor >= 0 { close(descriptor) } }
      guard own >= 0, clinux_setns(box) == 0 else {
        throw ClusterError.network(
          "cannot enter the box's own network: \(String(cString: strerror(errno)))")
      }
      let bound = FreePorts.bind(port)
      precondition(clinux_setns(own) == 0, "the thread is left in the box's network")
      return bound
    }
  }

  /// Adds a host, with a link to the router.
  /// - Throws: ``ClusterError/network(_:)``.
  package static func add(_ host: NetworkHost, in space: String) async throws {
    try await Self.run(
      """
      ip netns add \(space)
      ip link add \(host) type veth peer name eth0 netns \(space)
      ip addr add \(host.gateway)/24 dev \(host)
      ip link set \(host) up
      ip -n \(space) link set lo up
      ip -n \(space) addr add \(host.address)/24 dev eth0
      """, what: "the set-up of \(host)")
    try await Self.plugIn(host, in: space)
  }

  /// Switches a host's link off: no packet of it arrives any more, not even a refusal.
  package static func unplug(in space: String) async throws {
    try await Self.run("ip -n \(space) link set eth0 down")
  }

  /// Switches a host's link on.
  package static func plugIn(_ host: NetworkHost, in space: String) async throws {
    try await Self.run(
      """
      ip -n \(space) link set eth0 up
      ip -n \(space) route replace default via \(host.gateway)
      """, what: "the link of \(host)")
  }

  /// Runs a shell's script up to the first command that fails.
  /// - Parameters:
  ///   - arguments: the script's.
  ///   - what: the script's name in errors; `nil` for its text.
  package static func run(
    _ script: String, _ arguments: [String] = [], what: String? = nil
  ) async throws {
    try Task.checkCancellation()
    var options = PlatformOptions()
    // A ctrl-C in the terminal must not reach it.
    options.processGroupID = 0
    do {
      let result = try await Subprocess.run(
        .name("sh"), arguments: Arguments(["-ec", script, "sh"] + arguments),
        platformOptions: options,
        output: .discarded, error: .string(limit: 1 << 16))
      guard result.terminationStatus == .exited(0) else {
        throw ClusterError.network(
          "\(what ?? "'\(script)'") failed (\(result.terminationStatus)): \(result.standardError)")
      }
    } catch let error as SubprocessError {
      throw ClusterError.network("cannot run sh: \(error)")
    }
  }
}
