import ArgumentParser
import TestCluster

struct Kill: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "kill -9: a whole node, one of its processes, or the store.",
    discussion: """
      A node, and the store, stay down until 'zweimaster start'. A single process is restarted, as one that \
      ended by itself. Of an elector the signal goes to its guard, and the elector then hands over.

      Example:  zweimaster kill kube-master1
                zweimaster kill kube-master1 scheduler-elector
      """)

  @OptionGroup var target: TargetOptions

  func run() async throws { try await self.target.perform("kill", "was killed") }
}

struct Pause: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stop a node, one of its processes, or the store (SIGSTOP).",
    discussion: """
      A paused store accepts connections and does not answer, as behind a broken network. Of an elector that is \
      named the signal goes to its guard, and the elector then hands over.

      Example:  zweimaster pause store
      """)

  @OptionGroup var target: TargetOptions

  func run() async throws { try await self.target.perform("pause", "is paused") }
}

struct Resume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue what is paused (SIGCONT).",
    discussion: "Example:  zweimaster resume store")

  @OptionGroup var target: TargetOptions

  func run() async throws { try await self.target.perform("resume", "goes on") }
}

struct Start: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start a node, or the store, again.",
    discussion: """
      The electors start first and remove what an earlier run left in the kubelet's directory.

      Example:  zweimaster start kube-master1
      """)

  @Argument(help: "The node, for example kube-master1; or 'store'.")
  var node: String

  @OptionGroup var state: StateOptions

  func run() async throws { try await perform("start", on: self.node, self.state, "is up") }
}

struct Stop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stop a node in good order: it hands over what it leads.",
    discussion: "Example:  zweimaster stop kube-master1")

  @Argument(help: "The node, for example kube-master1.")
  var node: String

  @OptionGroup var state: StateOptions

  func run() async throws { try await perform("stop", on: self.node, self.state, "is down") }
}

struct StepDown: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step-down",
    abstract: "Make a node's elector release its lease, and follow for two TTLs.",
    discussion: """
      It removes the manifest, waits for the pod's end and releases the lock, as on a stop.

      Example:  zweimaster step-down kube-master1 scheduler-elector
      """)

  @Argument(help: "The node, for example kube-master1.")
  var node: String

  @Argument(help: "Its elector: scheduler-elector or controller-manager-elector.")
  var component: Component

  @OptionGroup var state: StateOptions

  func run() async throws {
    try await perform("step-down", on: self.node, self.state, "steps down", self.component)
  }
}

struct Cut: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Cut a node off: a machine from the network, other nodes' electors from the store.",
    discussion: """
      For 'zweimaster up --recipe' with machines, and for 'zweimaster up --web' without --etcd.

      Example:  zweimaster cut kube-master1
      """)

  @Argument(help: "The node, for example kube-master1.")
  var node: String

  @OptionGroup var state: StateOptions

  func run() async throws { try await perform("cut", on: self.node, self.state, "is cut off") }
}

struct Mend: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Connect a node again that was cut off.",
    discussion: "Example:  zweimaster mend kube-master1")

  @Argument(help: "The node, for example kube-master1.")
  var node: String

  @OptionGroup var state: StateOptions

  func run() async throws { try await perform("mend", on: self.node, self.state, "is connected") }
}

extension TargetOptions {
  fileprivate func perform(_ verb: String, _ done: String) async throws {
    try await zweimaster.perform(verb, on: self.node, self.state, done, self.component)
  }
}

private func perform(
  _ verb: String, on node: String, _ state: StateOptions, _ done: String,
  _ component: Component? = nil
) async throws {
  try await ControlClient.with(state.directory) { try await $0.perform(verb, on: node, component) }
  print("\(node)\(component.map { "/\($0.rawValue)" } ?? "") \(done)")
}
