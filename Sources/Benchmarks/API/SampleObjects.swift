/// The objects that an API server is measured with: of the size and the shape that a cluster's have.
package enum SampleObjects {
  package static let namespace = "default"

  package static func podName(_ number: Int) -> String { "web-7d4b9c6f5-\(number)" }
  package static func nodeName(_ number: Int) -> String { "node-\(number)" }

  /// A node as its kubelet writes it.
  package static func node(_ number: Int) -> String {
    let conditions = [
      ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
      ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
      ("PIDPressure", "False", "KubeletHasSufficientPID"), ("Ready", "True", "KubeletReady"),
    ].map { type, status, reason in
      #"{"type":"\#(type)","status":"\#(status)","reason":"\#(reason)","message":"\#(reason) as posted by the kubelet","lastHeartbeatTime":"2026-01-02T03:04:05Z","lastTransitionTime":"2026-01-01T00:00:00Z"}"#
    }
    let name = self.nodeName(number)
    return #"""
      {"kind":"Node","apiVersion":"v1","metadata":{"name":"\#(name)","labels":{"kubernetes.io/hostname":"\#(name)",\#
      "kubernetes.io/os":"linux","kubernetes.io/arch":"amd64"}},"spec":{"podCIDR":"10.\#(number % 250).0.0/24"},\#
      "status":{"capacity":{"cpu":"16","memory":"65806512Ki","pods":"110"},\#
      "allocatable":{"cpu":"16","memory":"65704112Ki","pods":"110"},\#
      "addresses":[{"type":"InternalIP","address":"192.0.2.\#(number % 250)"},{"type":"Hostname","address":"\#(name)"}],\#
      "daemonEndpoints":{"kubeletEndpoint":{"Port":10250}},"nodeInfo":{"kubeletVersion":"v1.26.0","osImage":"Debian"},\#
      "conditions":[\#(conditions.joined(separator: ","))]}}
      """#
  }

  /// A pod of a deployment, bound to a node. With what the server adds, and its status, it has 3 KB.
  package static func pod(_ number: Int, node: Int) -> String {
    let name = self.podName(number)
    return #"""
      {"kind":"Pod","apiVersion":"v1","metadata":{"name":"\#(name)","namespace":"\#(self.namespace)",\#
      "labels":{"app.kubernetes.io/name":"web","app.kubernetes.io/component":"frontend","pod-template-hash":"7d4b9c6f5"},\#
      "annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"9102"},\#
      "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-7d4b9c6f5",\#
      "uid":"0b9f2c1e-5a34-4f77-9d53-7c8a1f6b2e90","controller":true,"blockOwnerDeletion":true}]},\#
      "spec":{"nodeName":"\#(self.nodeName(node))","restartPolicy":"Always","terminationGracePeriodSeconds":30,\#
      "volumes":[{"name":"settings","configMap":{"name":"web-settings"}},{"name":"cache","emptyDir":{}}],\#
      "containers":[{"name":"web","image":"registry.example/team/web:2026.1.7",\#
      "command":["/usr/local/bin/web","--listen=:8080","--settings=/etc/web/settings.yaml"],\#
      "ports":[{"name":"http","containerPort":8080},{"name":"metrics","containerPort":9102}],\#
      "env":[{"name":"LOG_LEVEL","value":"info"},{"name":"REGION","value":"eu-1"}],\#
      "resources":{"requests":{"cpu":"250m","memory":"256Mi"},"limits":{"cpu":"1","memory":"512Mi"}},\#
      "readinessProbe":{"httpGet":{"path":"/healthz","port":8080},"periodSeconds":10},\#
      "volumeMounts":[{"name":"settings","mountPath":"/etc/web"},{"name":"cache","mountPath":"/var/cache/web"}]}],\#
      "tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},\#
      {"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]}}
      """#
  }

  /// The status of a running pod, as its kubelet writes it.
  /// - Parameter restarts: another number makes another status.
  package static func status(ofPod number: Int, restarts: Int) -> String {
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map {
      #"{"type":"\#($0)","status":"True","lastProbeTime":null,"lastTransitionTime":"2026-01-02T03:04:05Z"}"#
    }
    let address = "10.0.\(number / 250).\(number % 250)"
    return #"""
      {"kind":"Pod","apiVersion":"v1","metadata":{"name":"\#(self.podName(number))","namespace":"\#(self.namespace)"},\#
      "status":{"phase":"Running","qosClass":"Burstable","hostIP":"192.0.2.7","podIP":"\#(address)",\#
      "podIPs":[{"ip":"\#(address)"}],"startTime":"2026-01-02T03:04:00Z",\#
      "conditions":[\#(conditions.joined(separator: ","))],\#
      "containerStatuses":[{"name":"web","image":"registry.example/team/web:2026.1.7",\#
      "imageID":"registry.example/team/web@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",\#
      "containerID":"containerd://5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",\#
      "ready":true,"started":true,"restartCount":\#(restarts),"state":{"running":{"startedAt":"2026-01-02T03:04:03Z"}},\#
      "lastState":{}}]}}
      """#
  }
}
