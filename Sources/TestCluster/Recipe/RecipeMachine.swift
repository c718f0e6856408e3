/// The recipe's machine room: a cluster whose nodes are machines.
///
/// Each machine has its own network, disk, name and processes (Linux namespaces). A master has an API server and a
/// kubelet, started by the recipe's init scripts, and the recipe's manifests with only the two placeholders filled in.
/// The elector runs in podmaster's place.
package struct RecipeRoom: Equatable, Sendable {
  /// How many worker machines there are, for pods that the scheduler binds.
  package var workers: Int
  /// Whether the masters' kubelets start with their machines, or wait for a user's `service kubelet start`.
  package var startsKubelets: Bool

  package init(workers: Int = 2, startsKubelets: Bool = true) {
    self.workers = workers
    self.startsKubelets = startsKubelets
  }

  /// The ports of the recipe, the same on each machine.
  package static let apiServerPort = 8080
  package static let kubeletPort = 10250
  /// etcd's port.
  package static let storePort = 2379

  /// The names of the workers, in order.
  package var workerNames: [String] { (0..<self.workers).map { "kube-node\($0 + 1)" } }
}

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
        text: RecipeManifests.text(PackageResources.kubernetes_functions)),
      File(
        path: "etc/init.d/kubelet", text: RecipeManifests.text(PackageResources.kubelet),
        isExecutable: true),
    ]
    guard case .master(let store) = self.kind else { return common }
    return common + [
      File(
        path: "etc/init.d/kubernetes-master",
        text: RecipeManifests.text(PackageResources.kubernetes_master),
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

  /// The arguments of the boot script, which is the machine's first process.
  /// - Parameter disk: the directory of the box that is the machine's disk.
  package func bootArguments(disk: String) -> [String] {
    let started = self.services.filter { self.startsKubelet || $0 != "kubelet" }
    return [
      disk, self.name, started.joined(separator: " "),
      self.services.reversed().joined(separator: " "),
    ]
  }
}
