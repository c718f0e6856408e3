import FoundationEssentials
import Glibc
import NIOHTTP1

/// Controls a cluster that another process runs.
package struct ControlClient: Sendable {
  package let directory: StateDirectory
  private let handle: DirectoryHandle
  private let requests: Requests

  /// Runs the body with a client of the cluster in a state directory.
  /// - Throws: ``ClusterError/notRunning(_:)`` when there is none.
  package static func with<Result: Sendable>(
    _ stateDirectory: String, _ body: (ControlClient) async throws -> Result
  ) async throws -> Result {
    let directory = StateDirectory(stateDirectory)
    guard access("\(directory.path)/\(ControlServer.socketName)", W_OK) == 0 else {
      throw errno == EACCES
        ? ClusterError.notPermitted(directory.path) : ClusterError.notRunning(directory.path)
    }
    let handle = try DirectoryHandle(directory.path)
    return try await Requests.with {
      try await body(ControlClient(directory: directory, handle: handle, requests: $0))
    }
  }

  package func status() async throws(ClusterError) -> ClusterStatus {
    try await self.send("status", .GET, ClusterStatus.self)
  }

  /// Performs a verb on a node, one of its components, or the `store`.
  package func perform(
    _ verb: String, on node: String, _ component: Component? = nil
  ) async throws(ClusterError) {
    let query = component.map { "?component=\($0.rawValue)" } ?? ""
    let path = "nodes/\(node)/\(verb)\(query)"
    let answer = try await self.send(path, .POST, ControlAnswer.self)
    if let error = answer.error { throw .control(error) }
  }

  /// The PID of a machine's first process, whose namespaces are the machine's.
  /// - Throws: ``ClusterError``, when there is no such machine or its power is off.
  package func firstProcess(of node: String) async throws(ClusterError) -> Int32 {
    let status = try await self.status()
    guard let known = status.nodes.first(where: { $0.name == node }) else {
      throw .unknownNode(node, known: status.nodes.map(\.name))
    }
    guard let process = known.processes.first(where: { $0.component == .machine }) else {
      throw .noMachine(node)
    }
    guard let first = process.pid.flatMap({ ProcessIdentity(pid: $0)?.child }) else {
      throw .wrongState(name: node, state: known.state, verb: "run a command on")
    }
    return first.pid
  }

  /// Ends the cluster, and waits until the process that runs it has ended.
  package func down() async throws(ClusterError) {
    let supervisor = try self.directory.readRecord()?.supervisor
    _ = try await self.send("down", .POST, ControlAnswer.self)
    try await Cluster.wait(for: "the cluster's end", within: .seconds(60)) {
      supervisor?.isAlive != true
    }
  }

  private func send<Answer: Decodable>(
    _ path: String, _ method: HTTPMethod, _ type: Answer.Type
  ) async throws(ClusterError) -> Answer {
    let socket = self.handle.shortPath(ControlServer.socketName).replacing("/", with: "%2F")
    do throws(RequestError) {
      let (_, body) = try await self.requests.data(
        "http+unix://\(socket)/\(path)", method: method, within: .seconds(150))
      do {
        return try JSONDecoder().decode(type, from: body)
      } catch {
        throw RequestError.malformed(String(decoding: body, as: UTF8.self))
      }
    } catch .refused {
      throw .notRunning(self.directory.path)
    } catch {
      throw .control("the cluster in \(self.directory.path) did not answer: \(error)")
    }
  }
}
