/// The recipe's three manifests, for a two-master Kubernetes 1.1 control plane with podmaster.
package enum RecipeManifests {
  /// The pod in which a real node would run the two electors.
  ///
  /// A fake kubelet only pretends to run it, so that the node looks as in the recipe; the electors are processes of
  /// the cluster.
  package static func podmaster(store: String) -> String {
    self.text(PackageResources.podmaster_yaml).replacing("<ETCD_ENDPOINT>", with: store)
  }

  /// The grace period for a pod with that stop time; a kubelet grants at least 2 s.
  package static func grace(stopTime: Duration) -> Duration {
    .seconds(max(2, Int64((stopTime / .seconds(1)).rounded(.up))))
  }

  /// The manifest that is elected.
  /// - Parameter stopTime: how long its container takes to end after SIGTERM; `nil` for the recipe's manifest.
  package static func elected(_ role: Role, stopTime: Duration?) -> String {
    let recipe =
      switch role {
      case .scheduler: self.text(PackageResources.kube_scheduler_yaml)
      case .controllerManager:
        self.text(PackageResources.kube_controller_manager_yaml)
          .replacing("<KUBERNETES_SYSTEM_CIDR>", with: "10.244.0.0/16")
      }
    guard let stopTime else { return recipe }
    return recipe.replacing(
      "\nspec:\n",
      with: """

         annotations:
          pretend.zweimaster.dev/stop-after: "\(stopTime.milliseconds)ms"
        spec:
         terminationGracePeriodSeconds: \(Self.grace(stopTime: stopTime).components.seconds)

        """)
  }

  /// A pod whose container does nothing but live, for kubelets that run containers. It has an end, in case its
  /// kubelet never comes back.
  /// - Parameters:
  ///   - node: the node's directory; with the name it tells the container's processes from others.
  ///   - stopTime: how long it takes to end after SIGTERM.
  package static func running(_ name: String, node: String, stopTime: Duration?) -> String {
    let stop = stopTime ?? .zero
    return """
      apiVersion: v1
      kind: Pod
      metadata:
       name: \(name)
       namespace: kube-system
      spec:
       hostNetwork: true
       terminationGracePeriodSeconds: \(Self.grace(stopTime: stop).components.seconds)
       containers:
       - name: \(name)
         image: any
         command:
         - /bin/sh
         - -c
         - "\(Self.mark(name, node)) trap 'sleep \(stop.inSeconds(decimals: 1)); exit' TERM; i=0; while [ $i -lt 6000 ]; do sleep 0.05; i=$((i+1)); done"

      """
  }

  /// What stands in the command line of such a container, and in no other.
  static func mark(_ name: String, _ node: String) -> String { ": \(node) \(name);" }

  /// The text of a file in `Files/`.
  static func text(_ resource: [UInt8]) -> String { String(decoding: resource, as: UTF8.self) }
}

extension Duration {
  /// Whole milliseconds, rounded down.
  package var milliseconds: Int64 {
    self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000
  }
}
