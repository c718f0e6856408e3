import ArgumentParser
import EtcdClient
import GoFlags
import TestCluster

/// Where the cluster's files are; all commands have it.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: "The directory for everything that the cluster writes.")
  var directory = ".zweimaster"
}

/// What a new cluster is made of.
struct ClusterOptions: ParsableArguments {
  @Option(help: "How many masters.")
  var masters = 2

  @Option(
    help: ArgumentHelp(
      "The etcd to use, one with the v2 API (--enable-v2=true), instead of an own store.",
      valueName: "url[,url]"))
  var etcd: String?

  @Option(help: "How long a lease is valid, in seconds. The recipe has 30.")
  var ttlSecs = 3

  @Option(help: "The electors' pause between two rounds. The recipe has 5s.")
  var sleep = GoDuration(.milliseconds(500))

  @Option(help: "How long the elected pods take to stop.")
  var stopAfter = GoDuration(.seconds(1))

  @OptionGroup var state: StateOptions

  func validate() throws {
    guard (1...9).contains(self.masters) else {
      throw ValidationError("--masters is \(self.masters), but it has to be from 1 to 9")
    }
    guard self.ttlSecs >= 1 else {
      throw ValidationError("--ttl-secs is \(self.ttlSecs), but a lease takes at least 1 second")
    }
    guard self.sleep.duration >= .milliseconds(1) else {
      throw ValidationError("--sleep is \(self.sleep), but it has to be at least 1ms")
    }
    guard self.stopAfter.duration >= .zero else {
      throw ValidationError("--stop-after is \(self.stopAfter), but it cannot be negative")
    }
    _ = try self.store()
  }

  func configuration(
    report: @escaping @Sendable (String) -> Void
  ) throws -> ClusterConfiguration {
    ClusterConfiguration(
      masters: self.masters, store: try self.store(), ttlSeconds: self.ttlSecs,
      sleep: self.sleep.duration, podStopTime: self.stopAfter.duration,
      stateDirectory: self.state.directory, report: report)
  }

  private func store() throws -> ClusterConfiguration.Store {
    guard let etcd else { return .kvstore }
    do {
      return .external(try EtcdEndpoint.list(etcd))
    } catch {
      throw ValidationError("--etcd: \(error)")
    }
  }
}

/// Which node, and perhaps which of its processes.
struct TargetOptions: ParsableArguments {
  @Argument(help: "The node, for example kube-master1; or 'store'.")
  var node: String

  @Argument(help: "One of its processes; without it: all of them.")
  var component: Component?

  @OptionGroup var state: StateOptions
}

extension Component: ExpressibleByArgument {}
