import ArgumentParser
import CommandLine
import Elector

extension ManifestFile.SourceMissing: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// The flags of an elector: those of its process, and those of one election.
struct ElectorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elector",
    abstract: "Holds a lease key in etcd; while it does, a manifest is in the kubelet's directory.",
    usage: """
      elector --etcd-servers <url,...> --key <key> --source-file <file> --dest-file <file> [options]
      elector --config <file> [options]
      elector clean --dest-file <file> ...
      elector status --etcd-servers <url,...> --key <key> ...
      elector step-down|pause|resume --elector <url>
      """,
    discussion: """
      Takes podmaster's flags as they are. Of all electors with the same --key one is the master: \
      it copies --source-file to --dest-file, and takes it away before its lease can end.

      Never two pods: one who takes over waits until the pod of the one before has surely ended. How \
      long that can take follows from --kubelet-detection and from the grace period in the \
      manifest (terminationGracePeriodSeconds, 30 s if it has none), and is told at the start. A short \
      grace makes takeovers short.

      On SIGTERM the manifest is removed first, then the pod's end is waited for, then the lock is \
      released.

      PROFILES:
        (none)      gives up a third of the lease before its end, waits for the rest of
                    what an earlier pod may take to end
        strict      waits also when there is no trace of an earlier term: a deleted key
                    and a first start look alike; turns on --manifest-deadline
        podmaster   podmaster's timing, which promises no more than that two never lead:
                    a new pod may start while the old one still stops

      It runs as two processes: a guard, which owns the manifest, and its child, which takes part in \
      the election. The guard removes the manifest when the child dies or stands still, and starts it \
      again; without its guard, the child removes the manifest, releases the lock and ends.

      SEVERAL ELECTIONS IN ONE PROCESS, with --config: a YAML file with these flags' names as keys.
        etcd-servers: http://127.0.0.1:2379
        elections:
        - key: scheduler
          source-file: /srv/kubernetes/kube-scheduler.yaml
          dest-file: /etc/kubernetes/manifests/kube-scheduler.yaml
        - key: controller
          ...

      EXAMPLE:
        elector --etcd-servers=http://127.0.0.1:2379 --key=scheduler \\
          --source-file=/srv/kubernetes/kube-scheduler.yaml \\
          --dest-file=/etc/kubernetes/manifests/kube-scheduler.yaml
      """,
    subcommands: [Clean.self, Status.self, StepDown.self, Pause.self, Resume.self])

  @OptionGroup var etcd: EtcdOptions

  @OptionGroup var election: ElectionOptions

  @Option(
    name: .customLong("guard"),
    help: ArgumentHelp("Run a guard, which owns the manifest.", valueName: "true|false"))
  var isGuarded: GoBool = true

  /// How a guard tells its child what it is: the number of an open socket.
  @Option(name: .customLong("guard-descriptor"), help: .private)
  var guardDescriptor: Int32?

  @OptionGroup var status: StatusOptions

  @OptionGroup var apiserver: APIServerOptions

  @Option(
    help: ArgumentHelp("A YAML file with several elections; see above.", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("klog or json.", valueName: "format"))
  var logFormat = LogFormat.klog

  @Option(name: .customLong("v"), help: "How much to log: 0 to 4.")
  var verbosity: Int = 0

  /// The boolean flags.
  static let switches = ElectionOptions.switches.union(["guard"])
}
