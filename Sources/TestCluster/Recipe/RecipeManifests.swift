/// The recipe's three manifests, for a two-master Kubernetes 1.1 control plane with podmaster.
package enum RecipeManifests {
  /// The pod in which a real node would run the two electors.
  ///
  /// A fake kubelet only pretends to run it, so that the node looks as in the recipe; the electors are processes of
  /// the cluster.
  package static func podmaster(store: String) -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
     name: podmaster
     namespace: kube-system
    spec:
     hostNetwork: true
     containers:
     - name: scheduler-elector
       image: gcr.io/google_containers/podmaster:1.1
       command: ["/podmaster", "--etcd-servers=\(store)", "--key=scheduler", "--source-file=/kubernetes/kube-scheduler.yaml", "--dest-file=/manifests/kube-scheduler.yaml"]
       volumeMounts:
       - mountPath: /kubernetes
         name: k8s
         readOnly: true
       - mountPath: /manifests
         name: manifests
     - name: controller-manager-elector
       image: gcr.io/google_containers/podmaster:1.1
       command: ["/podmaster", "--etcd-servers=\(store)", "--key=controller", "--source-file=/kubernetes/kube-controller-manager.yaml", "--dest-file=/manifests/kube-controller-manager.yaml"]
       terminationMessagePath: /dev/termination-log
       volumeMounts:
       - mountPath: /kubernetes
         name: k8s
         readOnly: true
       - mountPath: /manifests
         name: manifests
     volumes:
     - hostPath:
         path: /srv/kubernetes
       name: k8s
     - hostPath:
         path: /etc/kubernetes/manifests
       name: manifests

    """
  }

  /// The grace period for a pod with that stop time; a kubelet grants at least 2 s.
  package static func grace(stopTime: Duration) -> Duration {
    .seconds(max(2, Int64((stopTime / .seconds(1)).rounded(.up))))
  }

  /// The manifest that is elected.
  /// - Parameter stopTime: how long its container takes to end after SIGTERM; `nil` for the recipe's manifest.
  package static func elected(_ role: Role, stopTime: Duration?) -> String {
    let grace =
      stopTime.map {
        "\n terminationGracePeriodSeconds: \(Self.grace(stopTime: $0).components.seconds)"
      } ?? ""
    let annotations =
      stopTime.map {
        "\n annotations:\n  pretend.zweimaster.dev/stop-after: \"\($0.milliseconds)ms\""
      } ?? ""
    return switch role {
    case .scheduler: self.scheduler(annotations, grace)
    case .controllerManager: self.controllerManager(annotations, grace)
    }
  }

  private static func scheduler(_ annotations: String, _ grace: String) -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
     name: kube-scheduler
     namespace: kube-system\(annotations)
    spec:\(grace)
     hostNetwork: true
     containers:
     - name: kube-scheduler
       image: gcr.io/google_containers/kube-scheduler:34d0b8f8b31e27937327961528739bc9
       command:
       - /bin/sh
       - -c
       - /usr/local/bin/kube-scheduler --master=127.0.0.1:8080 --v=2 1>>/var/log/kube-scheduler.log 2>&1
       livenessProbe:
         httpGet:
           path: /healthz
           port: 10251
         initialDelaySeconds: 15
         timeoutSeconds: 1
       volumeMounts:
       - mountPath: /var/log/kube-scheduler.log
         name: logfile
       - mountPath: /usr/local/bin/kube-scheduler
         name: binfile
     volumes:
     - hostPath:
         path: /var/log/kube-scheduler.log
       name: logfile
     - hostPath:
         path: /usr/local/bin/kube-scheduler
       name: binfile

    """
  }

  private static func controllerManager(_ annotations: String, _ grace: String) -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
     name: kube-controller-manager
     namespace: kube-system\(annotations)
    spec:\(grace)
     containers:
     - command:
       - /bin/sh
       - -c
       - /usr/local/bin/kube-controller-manager --master=127.0.0.1:8080 --cluster-cidr=10.244.0.0/16 --allocate-node-cidrs=true --v=2 1>>/var/log/kube-controller-manager.log 2>&1
       image: gcr.io/google_containers/kube-controller-manager:fda24638d51a48baa13c35337fcd4793
       livenessProbe:
         httpGet:
           path: /healthz
           port: 10252
         initialDelaySeconds: 15
         timeoutSeconds: 1
       name: kube-controller-manager
       volumeMounts:
       - mountPath: /srv/kubernetes
         name: srvkube
         readOnly: true
       - mountPath: /var/log/kube-controller-manager.log
         name: logfile
       - mountPath: /usr/local/bin/kube-controller-manager
         name: binfile
     hostNetwork: true
     volumes:
     - hostPath:
         path: /srv/kubernetes
       name: srvkube
     - hostPath:
         path: /var/log/kube-controller-manager.log
       name: logfile
     - hostPath:
         path: /usr/local/bin/kube-controller-manager
       name: binfile

    """
  }
}

extension Duration {
  /// Whole milliseconds, rounded down.
  package var milliseconds: Int64 {
    self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000
  }
}
