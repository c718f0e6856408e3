import EtcdClient

/// Why a cluster cannot do something. Each description says what to do about it.
public enum ClusterError: Error, Equatable, CustomStringConvertible {
  case missingProgram(String, directory: String)
  case missingHAProxy
  case foreignDirectory(String)
  case alreadyRunning(String)
  case notRunning(String)
  case notPermitted(String)
  case file(String, path: String, reason: String)
  case noFreePort
  case portInUse(Int, flag: String)
  case portNotPermitted(Int, flag: String)
  case network(String)
  case storeUnreachable(urls: [String], reason: String, log: String?)
  case storeWithoutAPI(url: String, EtcdAPI)
  case unknownNode(String, known: [String])
  case noMachine(String)
  case notOfMachines(verb: String)
  case unknownComponent(String, known: [String])
  case wrongState(name: String, state: NodeState, verb: String)
  case unknownRow(String, known: [String])
  case externalStore(verb: String)
  case notReady(String, log: String)
  case leftOverManifest(path: String, log: String)
  case timedOut(String, after: Duration)
  case interrupted(String)
  case invalidRecord(path: String, reason: String)
  case control(String)

  public var description: String {
    switch self {
    case .missingProgram(let name, let directory):
      "there is no \(name) in \(directory): build it with 'swift build', or name its directory in "
        + "ZWEIMASTER_BIN"
    case .missingHAProxy:
      "there is no haproxy in PATH: install it with 'apt-get install haproxy', or leave --load-balancer out"
    case .foreignDirectory(let path):
      "\(path) holds files of something else: choose an empty or a new directory with --state-dir"
    case .alreadyRunning(let path):
      "a cluster runs in \(path) already: end it with 'zweimaster down', or choose another directory with "
        + "--state-dir"
    case .notRunning(let path):
      "no cluster runs in \(path): start one with 'zweimaster up' in another terminal, or name another "
        + "directory with --state-dir"
    case .notPermitted(let path):
      "the cluster in \(path) belongs to another user: use sudo if it was started with sudo"
    case .file(let verb, let path, let reason):
      "cannot \(verb) \(path): \(reason)"
    case .noFreePort:
      "found no free port between 10000 and 32767 on 127.0.0.1: end some servers and try again"
    case .portInUse(let port, let flag):
      "port \(port) of 127.0.0.1 is in use: end the program that listens there, or choose another port with \(flag)"
    case .portNotPermitted(let port, let flag):
      "only root may listen on port \(port): choose a port from 1024 on with \(flag)"
    case .network(let reason):
      "cannot set up network namespaces: \(reason)"
    case .storeUnreachable(let urls, let reason, let log):
      "the store at \(urls.joined(separator: ", ")) does not answer (\(reason)): "
        + (log.map { "see \($0)" } ?? "start it, or correct --etcd")
    case .storeWithoutAPI(let url, .v3):
      "the etcd at \(url) has no v3 API at /v3: use etcd 3.4 or newer with its gateway, or --etcd-api v2"
    case .storeWithoutAPI(let url, _):
      "the etcd at \(url) has no v2 API: start it with --enable-v2=true (etcd 3.5 and older have it)"
    case .unknownNode(let name, let known):
      "there is no node \(name): the nodes are \(known.joined(separator: ", "))"
    case .noMachine(let name):
      "\(name) is no machine, only processes of this box: start machines with 'zweimaster up --recipe'"
    case .notOfMachines(let verb):
      "cannot \(verb) a machine of the recipe's room, or a process of it: run a command in it with "
        + "'zweimaster exec NODE -- COMMAND'"
    case .unknownComponent(let name, let known):
      "there is no component \(name): the components are \(known.joined(separator: ", "))"
    case .wrongState(let name, let state, let verb):
      "cannot \(verb) \(name): it is \(state.rawValue)"
        + (state == .down ? "; start it with 'zweimaster start \(name)'" : "")
    case .unknownRow(let name, let known):
      "there is no row \(name): the rows are \(known.joined(separator: ", "))"
    case .externalStore(let verb):
      "cannot \(verb) the store: this cluster has not started it"
    case .notReady(let name, let log):
      "\(name) did not get ready within a minute: see \(log)"
    case .leftOverManifest(let path, let log):
      "the elector did not remove the left-over \(path), so the kubelet stays down: see \(log)"
    case .timedOut(let what, let limit):
      "timed out after \(limit.inSeconds()) s: \(what)"
    case .interrupted(let what):
      "\(what) was interrupted by another command"
    case .invalidRecord(let path, let reason):
      "cannot read \(path) (\(reason)): end what 'ps' shows of that cluster, then remove the directory"
    case .control(let message):
      message
    }
  }
}
