/// Why a cluster cannot do what was asked. Each message says what a person can do about it.
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
  case storeWithoutV2(url: String)
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
      "there is no \(name) in \(directory): build it with 'swift build', or name the directory that "
        + "has it in ZWEIMASTER_BIN"
    case .missingHAProxy:
      "there is no haproxy in PATH: install it with 'apt-get install haproxy', or leave --load-balancer out"
    case .foreignDirectory(let path):
      "\(path) holds files that are not of a cluster: choose an empty or a new directory with "
        + "--state-dir"
    case .alreadyRunning(let path):
      "a cluster runs in \(path) already: look at it with 'zweimaster pods', end it with 'zweimaster "
        + "down', or choose another directory with --state-dir"
    case .notRunning(let path):
      "no cluster runs in \(path): start one with 'zweimaster up' in another terminal, or name its "
        + "directory with --state-dir"
    case .notPermitted(let path):
      "the cluster in \(path) is another user's: use sudo, if it was started with sudo"
    case .file(let verb, let path, let reason):
      "cannot \(verb) \(path): \(reason)"
    case .noFreePort:
      "no free port between 10000 and 32767 on 127.0.0.1 was found: end some servers and try again"
    case .portInUse(let port, let flag):
      "somebody listens on port \(port) of 127.0.0.1 already: end that program, or choose another port with "
        + "\(flag)"
    case .portNotPermitted(let port, let flag):
      "only root may listen on port \(port): choose one from 1024 on with \(flag)"
    case .network(let reason):
      "the network of namespaces cannot be had: \(reason)"
    case .storeUnreachable(let urls, let reason, let log):
      "the store at \(urls.joined(separator: ", ")) does not answer (\(reason)): "
        + (log.map { "see \($0)" } ?? "start it, or correct --etcd")
    case .storeWithoutV2(let url):
      "the etcd at \(url) has no v2 API: start it with --enable-v2=true (etcd 3.5 and older have it)"
    case .unknownNode(let name, let known):
      "there is no node \(name): the nodes are \(known.joined(separator: ", "))"
    case .noMachine(let name):
      "\(name) is no machine, but some processes of this box: 'zweimaster up --recipe' has machines"
    case .notOfMachines(let verb):
      "a machine of the recipe's room cannot be told to \(verb), nor a process of it: act in it yourself, with "
        + "'zweimaster exec NODE -- COMMAND'"
    case .unknownComponent(let name, let known):
      "there is no component \(name): the components are \(known.joined(separator: ", "))"
    case .wrongState(let name, let state, let verb):
      "\(name) is \(state.rawValue), so it cannot be told to \(verb)"
        + (state == .down ? ": bring it back with 'zweimaster start \(name)'" : "")
    case .unknownRow(let name, let known):
      "there is no row \(name): the rows are \(known.joined(separator: ", "))"
    case .externalStore(let verb):
      "the store was not started by this cluster, so it cannot be told to \(verb)"
    case .notReady(let name, let log):
      "\(name) does not get ready: see \(log)"
    case .leftOverManifest(let path, let log):
      "the elector did not remove the left-over \(path), so the kubelet is not started: see \(log)"
    case .timedOut(let what, let limit):
      "waited \(limit.inSeconds()) s in vain: \(what)"
    case .interrupted(let what):
      "\(what) was interrupted by another command"
    case .invalidRecord(let path, let reason):
      "\(path) cannot be read (\(reason)): look with 'ps' whether processes of that cluster are left, "
        + "then remove the whole directory"
    case .control(let message):
      message
    }
  }
}
