import TestSupport
import Testing

@testable import TestCluster

/// The disks of the recipe's machines.
@Suite struct RecipeMachineTests {
  private static func machines(
    loadBalancerPort: Int? = nil, startsKubelets: Bool = true
  ) -> [RecipeMachine] {
    var configuration = ClusterConfiguration(masters: 2)
    configuration.room = RecipeRoom(workers: 1, startsKubelets: startsKubelets)
    configuration.loadBalancerPort = loadBalancerPort
    return RecipeMachine.all(configuration, store: "http://10.0.0.1:2379", programs: "/programs")
  }

  private static func text(_ path: String, of machine: RecipeMachine) throws -> String {
    try #require(machine.files.first { $0.path == path }, "\(path)").text
  }

  @Test(arguments: [
    ("etc/kubernetes/manifests/podmaster.yaml", "podmaster"),
    ("srv/kubernetes/kube-scheduler.yaml", "kube-scheduler"),
    ("srv/kubernetes/kube-controller-manager.yaml", "kube-controller-manager"),
  ])
  func theManifestsAreTheRecipesButForThePlaceholders(path: String, name: String) throws {
    let recipe = try Project.text("Tests/FakeKubeletTests/Manifests/seed/\(name).yaml")
      .replacing("<ETCD_ENDPOINT>", with: "http://10.0.0.1:2379")
      .replacing("<KUBERNETES_SYSTEM_CIDR>", with: "10.244.0.0/16")
    for machine in Self.machines().prefix(2) {
      #expect(try Self.text(path, of: machine) == recipe)
    }
  }

  @Test(arguments: ["kubernetes-functions", "kubernetes-master", "kubelet"])
  func theInitScriptsAreTheOperators(name: String) throws {
    let script = try #require(
      Self.machines()[0].files.first { $0.path == "etc/init.d/\(name)" })
    #expect(try script.text == Project.text("deploy/init.d/\(name)"))
    #expect(script.isExecutable == (name != "kubernetes-functions"))
  }

  @Test func mastersHaveTheDaemonsAndWorkersHaveAKubelet() throws {
    let machines = Self.machines()
    #expect(machines.map(\.name) == ["kube-master1", "kube-master2", "kube-node1"])
    #expect(
      machines[0].links["usr/local/bin/kube-scheduler"] == "/programs/kube-scheduler-stand-in")
    #expect(machines[0].links["usr/local/bin/elector"] == "/programs/elector")
    #expect(machines[2].links == ["usr/local/bin/kubelet": "/programs/fake-kubelet"])
    #expect(!machines[2].files.contains { $0.path.contains("podmaster") })
    for machine in machines {
      #expect(
        try Self.text("etc/hosts", of: machine).contains("\n10.98.12.2 kube-master2\n"))
    }
  }

  @Test(arguments: [
    (nil, "http://10.98.11.2:8080,http://10.98.12.2:8080"), (18_080, "http://10.98.0.1:8080"),
  ])
  func workersFindTheAPIServersOrWhatStandsBeforeThem(port: Int?, servers: String) throws {
    let machines = Self.machines(loadBalancerPort: port)
    #expect(
      try Self.text("etc/kubernetes/kubelet", of: machines[2])
        .contains("KUBELET_API_SERVER=\"--api-servers=\(servers)\"\n"))
    #expect(
      try Self.text("etc/kubernetes/kubelet", of: machines[0])
        .contains("KUBELET_API_SERVER=\"--api-servers=127.0.0.1:8080\"\n"))
  }

  @Test(arguments: [true, false])
  func aMastersKubeletIsStartedOrLeftAlone(starts: Bool) throws {
    let machines = Self.machines(startsKubelets: starts)
    let started = machines.map { $0.bootArguments(disk: "/d")[2] }
    let master = starts ? "kubernetes-master kubelet" : "kubernetes-master"
    #expect(started == [master, master, "kubelet"])
  }
}
