/// A machine of the recipe's room: the files on its disk, and its boot script.
package struct RecipeMachine: Sendable {
  /// A file of the disk.
  package struct File: Equatable, Sendable {
    /// Without a leading slash.
    package var path: String
    package var text: String
    package var isExecutable = false
  }

  package enum Kind: Equatable, Sendable {
    /// - Parameter store: etcd's URL.
    case master(store: String)
    /// - Parameter apiServers: the API servers' URLs for its kubelet.
    case worker(apiServers: [String])
  }

  package var name: String
  package var kind: Kind
  package var address: String
  /// The names of all machines, for `/etc/hosts`.
  package var hosts: [(name: String, address: String)]
  /// The directory of the programs that ``links`` lead to.
  package var programs: String
  package var startsKubelet: Bool

  /// The machines of a room.
  package static func all(
    _ configuration: ClusterConfiguration, store: String, programs: String
  ) -> [Self] {
    guard let room = configuration.room else { return [] }
    let hosts = configuration.nodes.map { ($0, configuration.host($0).address) }
    let apiServers =
      (configuration.loadBalancerPort != nil
      ? [NetworkHost.routerAddress] : hosts.prefix(configuration.masters).map(\.1))
      .map { "http://\($0):\(RecipeRoom.apiServerPort)" }
    return hosts.enumerated().map { index, host in
      Self(
        name: host.0,
        kind: index < configuration.masters
          ? .master(store: store) : .worker(apiServers: apiServers),
        address: host.1, hosts: hosts.map { (name: $0.0, address: $0.1) }, programs: programs,
        startsKubelet: room.startsKubelets || index >= configuration.masters)
    }
  }

  /// The directories that are the machine's own, over those of the box.
  package static let ownDirectories = ["etc", "srv", "usr/local", "var"]

  /// The directories that hide the box's files.
  package static let hiddenDirectories = [
    "etc/kubernetes", "etc/elector", "srv/kubernetes", "var/lib/fake-kubelet",
  ]

  /// Its services, in the order of their start.
  private var services: [String] {
    switch self.kind {
    case .master: ["kubernetes-master", "kubelet"]
    case .worker: ["kubelet"]
    }
  }

  /// Symbolic links in `/usr/local/bin`, and the programs that they lead to.
  package var links: [String: String] {
    Dictionary(
      uniqueKeysWithValues: self.programNames.map {
        ("usr/local/bin/\($0)", "\(self.programs)/\($1)")
      })
  }

  /// The project's programs, by their names on the machine.
  package var programNames: [String: String] {
    var names = ["kubelet": "fake-kubelet"]
    if case .master = self.kind {
      names["kube-apiserver"] = "fake-apiserver"
      names["kube-scheduler"] = "kube-scheduler-stand-in"
      names["kube-controller-manager"] = "kube-controller-manager-stand-in"
      names["elector"] = "elector"
    }
    return names
  }

  /// All files; their order does not matter.
  package var files: [File] {
    let common = [
      File(path: "etc/hostname", text: "\(self.name)\n"),
      File(
        path: "etc/hosts",
        text: (["127.0.0.1 localhost"] + self.hosts.map { "\($0.address) \($0.name)" })
          .joined(separator: "\n") + "\n"),
      File(path: "etc/kubernetes/kubectl.conf", text: Self.kubectlConfiguration(self.server)),
      File(path: "etc/kubernetes/kubelet", text: self.kubeletSettings),
      File(
        path: "etc/init.d/kubernetes-functions",
        text: Self.text(PackageResources.kubernetes_functions)),
      File(
        path: "etc/init.d/kubelet", text: Self.text(PackageResources.kubelet), isExecutable: true),
    ]
    guard case .master(let store) = self.kind else { return common }
    return common + [
      File(
        path: "etc/init.d/kubernetes-master", text: Self.text(PackageResources.kubernetes_master),
        isExecutable: true),
      File(
        path: "etc/default/kubernetes-master",
        text: """
          ETCD_SERVERS=\(store)
          # The masters register no node objects, so the API server gets their kubelets' URLs here.
          DAEMON_ARGS="\(self.kubeletURLs)"

          """),
      File(
        path: "etc/kubernetes/manifests/podmaster.yaml",
        text: RecipeManifests.podmaster(store: store)),
      File(
        path: "srv/kubernetes/kube-scheduler.yaml",
        text: RecipeManifests.elected(.scheduler, stopTime: nil)),
      File(
        path: "srv/kubernetes/kube-controller-manager.yaml",
        text: RecipeManifests.elected(.controllerManager, stopTime: nil)),
      // The recipe: without an empty file to mount, a container would get a directory.
      File(path: "var/log/kube-scheduler.log", text: ""),
      File(path: "var/log/kube-controller-manager.log", text: ""),
    ]
  }

  private var kubeletURLs: String {
    self.hosts.map { "--kubelet-url=\($0.name)=http://\($0.address):\(RecipeRoom.kubeletPort)" }
      .joined(separator: " ")
  }

  /// The API server of a kubectl on this machine.
  private var server: String {
    switch self.kind {
    case .master: "http://127.0.0.1:\(RecipeRoom.apiServerPort)"
    case .worker(let servers): servers.first ?? ""
    }
  }

  /// The recipe's variables where they differ from the init script's, and a runtime without Docker.
  private var kubeletSettings: String {
    switch self.kind {
    case .master:
      """
      KUBELET_ADDRESS="--address=0.0.0.0"
      KUBELET_API_SERVER="--api-servers=127.0.0.1:\(RecipeRoom.apiServerPort)"
      KUBELET_ARGS="--register-node=false --allow-privileged=true --config=/etc/kubernetes/manifests
        --container-runtime=process --image-map=gcr.io/google_containers/podmaster=/usr/local/bin/elector"

      """
    case .worker(let servers):
      """
      KUBELET_ADDRESS="--address=0.0.0.0 --node-ip=\(self.address)"
      KUBELET_API_SERVER="--api-servers=\(servers.joined(separator: ","))"
      KUBELET_ARGS="--allow-privileged=true --config=/etc/kubernetes/manifests"

      """
    }
  }

  /// kubectl's configuration, so that it does not use the user's own.
  package static func kubectlConfiguration(_ server: String) -> String {
    """
    apiVersion: v1
    kind: Config
    clusters:
    - name: zweimaster
      cluster:
        server: \(server)
    contexts:
    - name: zweimaster
      context:
        cluster: zweimaster
        user: ""
    current-context: zweimaster

    """
  }

  /// The machine's first process, from power on to power off: it mounts the disk, starts the services, and waits.
  /// SIGTERM stops the machine in good order; all other processes end with this one.
  ///
  /// Its argument is the directory of the box that is the machine's disk.
  package var bootScript: String {
    let started = self.services.filter { self.startsKubelet || $0 != "kubelet" }
    return """
      #!/bin/sh
      # \(self.name) from power on to power off; written by zweimaster.
      set -eu
      hostname \(self.name)
      mkdir -p "$1/.work"
      # The machine must not find the box's services.
      disk=$(mktemp -d)
      mount --bind "$1" "$disk"
      mount -t tmpfs tmpfs /run
      mkdir -p /run/disk /run/lock/subsys
      mount --move "$disk" /run/disk
      rmdir "$disk"
      # The box's directories, with this machine's files over them. The hidden ones have this machine's files alone:
      # the box may itself be part of a cluster.
      for directory in \(Self.hiddenDirectories.joined(separator: " ")); do
        mkdir -p /run/disk/$directory
      done
      for directory in \(Self.ownDirectories.joined(separator: " ")); do
        mkdir -p /run/disk/$directory /run/disk/.work/$directory
        mount -t overlay overlay \
          -o lowerdir=/$directory,upperdir=/run/disk/$directory,workdir=/run/disk/.work/$directory /$directory
      done
      for directory in \(Self.hiddenDirectories.joined(separator: " ")); do
        mount --bind /run/disk/$directory /$directory
      done
      set +e

      stop() {
        \(self.services.reversed().map { "/etc/init.d/\($0) stop" }.joined(separator: "\n  "))
        exit 0
      }
      trap stop TERM
      \(started.map { "/etc/init.d/\($0) start" }.joined(separator: "\n"))
      # The first process reaps orphans.
      while :; do
        sleep 3600 &
        wait $!
      done

      """
  }

  private static func text(_ resource: [UInt8]) -> String {
    String(decoding: resource, as: UTF8.self)
  }
}
