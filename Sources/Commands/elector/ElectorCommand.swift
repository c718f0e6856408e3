import ArgumentParser
import CommandLine
import Elector

extension ManifestFile.SourceMissing: ExpressibleByArgument {}

/// The flags of an elector: those of its process, and those of one election.
struct ElectorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elector",
    abstract: "Keeps a manifest in the kubelet's directory while it holds a lease key in etcd.",
    usage: """
      elector --etcd-servers <url,...> --key <key> --source-file <file> --dest-file <file> [options]
      elector --config <file> [options]
      elector check-config --config <file> | <flags>
      elector clean --dest-file <file> ...
      elector status --etcd-servers <url,...> --key <key> ...
      elector step-down|resume [--key <key>]
      """,
    discussion: """
      Accepts podmaster's flags unchanged. Of all electors with the same --key one is the master: \
      it copies --source-file to --dest-file, and removes the copy before its lease can end.

      Two pods never run at once: a new leader waits until the earlier leader's pod has surely ended. \
      How long that can take follows from --kubelet-detection and from the grace period in the \
      manifest (terminationGracePeriodSeconds, 30 s by default); the elector logs it at the start. A short \
      grace period makes takeovers short.

      On SIGTERM the elector removes the manifest, waits for the pod's end, and releases the lock. On SIGHUP it \
      reads --config again: if the file has changed and is good, it hands over in the same way and begins anew; a \
      file with a mistake is refused, and what runs goes on.

      PROFILES:
        (none)      stops a third of the lease before its end; the next leader waits for
                    the rest of the time that an earlier pod may need to end
        strict      waits also without a trace of an earlier term, because a deleted key
                    and a first start look alike; turns on --manifest-deadline
        podmaster   podmaster's timing, which only promises that two never lead: a new pod
                    may start while the old one stops

      It runs as two processes: a guard, which owns the manifest, and its child, which takes part in \
      the election. When the child dies or hangs, the guard removes the manifest and starts it again. \
      Without its guard, the child removes the manifest, releases the lock and exits.

      SEVERAL ELECTIONS IN ONE PROCESS, with --config: a YAML file whose keys are these flags.
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
    version: Version.line(of: "elector"),
    subcommands: [CheckConfig.self, Clean.self, Status.self, StepDown.self, Resume.self])

  @OptionGroup var etcd: EtcdOptions

  @OptionGroup var election: ElectionOptions

  /// An open socket's number: a guard starts its child with it.
  @Option(name: .customLong("guard-descriptor"), help: .private)
  var guardDescriptor: Int32?

  /// The number of a file with the text of `--config`.
  @Option(name: .customLong("guard-configuration"), help: .private)
  var guardConfiguration: Int32?

  @OptionGroup var status: StatusOptions

  @OptionGroup var apiserver: APIServerOptions

  @Option(
    help: ArgumentHelp("A YAML file with several elections; see above.", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("klog or json.", valueName: "format"))
  var logFormat = LogFormat.klog

  @Option(name: .customLong("v"), help: "The log's verbosity: 0 to 4.")
  var verbosity: Int = 0

  @OptionGroup(visibility: .private) var ignored: PodmasterLogOptions

  /// No flag any more.
  @Option(name: .customLong("guard"), help: .private)
  var removedGuard: String?

  /// The names of the boolean flags.
  static let switches = ElectionOptions.switches.union(["guard"]).union(
    PodmasterLogOptions.switches)

  /// What replaces a command or a flag that is gone.
  static let removedCommands = [
    "pause": "`elector pause` is gone: use `elector step-down` without --for"
  ]
  static let guardIsGone = "--guard is gone: the guard always owns the manifest"

  func validate() throws {
    if self.removedGuard != nil { throw ValidationError(Self.guardIsGone) }
  }
}
