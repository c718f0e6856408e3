import AsyncHTTPClient
import Foundation
import HTTPEndpoint
import HTTPListening
import Logging
import NIOSSL
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// The endpoints besides `/pods`.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct KubeletAPITests {
  private static let clock = WallClock(secondsAtStart: 1_475_712_000, nanosecondsAtStart: 0)

  // MARK: - Health

  @Test func theLoopIsStuckAfterTwiceItsPeriodButNotBeforeFiveMinutes() {
    func isStuck(_ idle: Int, _ frequency: Int) -> Bool {
      KubeletHealth(idle: .seconds(idle), checkFrequency: .seconds(frequency)).isStuck
    }
    #expect(!isStuck(300, 20))
    #expect(isStuck(301, 20))
    #expect(!isStuck(400, 200))
    #expect(isStuck(401, 200))
  }

  @Test func healthNamesItsChecks() throws {
    let good = KubeletHealth(idle: .zero, checkFrequency: .seconds(20))
    let bad = KubeletHealth(idle: .seconds(900), checkFrequency: .seconds(20))
    func text(_ health: KubeletHealth, _ check: String?, _ isVerbose: Bool) -> String? {
      health.answer(check: check, isVerbose: isVerbose)?.text
    }
    #expect(text(good, nil, false) == "ok")
    #expect(
      text(good, nil, true) == "[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n")
    #expect(text(bad, nil, false)?.contains("[-]syncloop failed: reason withheld\n") == true)
    #expect(bad.answer(check: "ping", isVerbose: false)?.isGood == true)
    #expect(bad.answer(check: "syncloop", isVerbose: false)?.isGood == false)
    #expect(text(good, "nothing", false) == nil)
  }

  // MARK: - Logs

  private static let log = Array(
    """
    2016-10-06T00:00:01.000000000Z stdout F one
    2016-10-06T00:00:02.000000000Z stderr P tw
    2016-10-06T00:00:02.500000000Z stderr F o
    no line of a runtime
    2016-10-06T00:00:03.000000000Z stdout F three\n
    """.utf8)

  @Test(arguments: [
    ("", "one\ntwo\nthree\n"), ("tailLines=1", "three\n"), ("tailLines=2", "two\nthree\n"),
    ("tailLines=0", ""), ("tail=1", "three\n"), ("tail=all", "one\ntwo\nthree\n"),
    ("limitBytes=5", "one\nt"), ("sinceTime=2016-10-06T00:00:03Z", "three\n"),
    (
      "timestamps=true&tailLines=2",
      "2016-10-06T00:00:02.000000000Z two\n2016-10-06T00:00:03.000000000Z three\n"
    ),
  ])
  func aReaderGetsWhatHeAsksFor(query: String, text: String) throws {
    var filter = ContainerLogFilter(try #require(Self.options(query)))
    #expect(String(decoding: filter.begin(Self.log), as: UTF8.self) == text)
  }

  @Test(arguments: [
    "tailLines=-1", "tailLines=x", "limitBytes=0", "sinceSeconds=0", "sinceTime=yesterday",
    "follow=perhaps", "sinceSeconds=1&sinceTime=2016-10-06T00:00:03Z",
  ])
  func whatCannotBeMeantIsRefused(query: String) {
    #expect(Self.options(query) == nil)
  }

  @Test func secondsCountBackFromNow() throws {
    #expect(try #require(Self.options("sinceSeconds=2")).since == "2016-10-05T23:59:58.000000000Z")
  }

  private static func options(_ query: String) -> ContainerLogOptions? {
    ContainerLogOptions(
      query: query.split(separator: "&").map {
        let parts = $0.split(separator: "=", maxSplits: 1).map(String.init)
        return (parts[0], parts[1])
      }, now: Self.clock)
  }

  @Test func linesAreCutWhereverTheFileIsRead() throws {
    var filter = ContainerLogFilter(ContainerLogOptions())
    var text: [UInt8] = []
    for byte in Self.log { text += filter.append([byte]) }
    #expect(String(decoding: text, as: UTF8.self) == "one\ntwo\nthree\n")
  }

  @Test func whichLogIsReadDependsOnTheContainersLife() throws {
    let manifest = try Fixtures.manifest(uid: "u")
    var workers = PodWorkers()
    func answer(_ previous: Bool, _ container: String = "main", pod: PodName? = nil) -> String {
      do throws(ContainerLogRefusal) {
        let name = pod ?? manifest.name
        return "\(try workers.log(of: name, container: container, previous: previous).attempt)"
      } catch {
        return "\(error.status) \(error.message)"
      }
    }
    #expect(answer(false) == #"404 pod "web-kube-master1" does not exist"#)
    let first = try #require(workers.handle(.changed(added: [manifest]), at: .at(0)).started)
    #expect(
      answer(false)
        == #"400 container "main" in pod "web-kube-master1" is waiting to start: ContainerCreating"#
    )
    #expect(answer(false, "x") == #"404 container "x" not found in pod "web-kube-master1""#)
    _ = workers.handle(.containerStarted(first), at: .at(0))
    #expect(answer(false) == "0")
    #expect(
      answer(true)
        == #"400 previous terminated container "main" in pod "web-kube-master1" not found"#)
    let second = try #require(workers.handle(.containerExited(first, code: 1), at: .at(1)).started)
    _ = workers.handle(.containerStarted(second), at: .at(1))
    #expect((answer(false), answer(true)) == ("1", "0"))
    _ = workers.handle(.containerExited(second, code: 1), at: .at(2))
    #expect((answer(false), answer(true)) == ("1", "1"), "it waits for its third run")
  }

  @Test func logsAreServedAndFollowed() async throws {
    try await withDirectory { logs in
      try await FakeKubeletTests().withNode({ $0.podLogsDirectory = logs.path }) { node in
        try await node.run(Fixtures.pod(uid: "u1"))
        let directory = logs.appending(path: "default_web-kube-master1_u1/main")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appending(path: "0.log")
        try Data(Self.log).write(to: file)
        let base = "\(node.addresses.main)/containerLogs/default/web-kube-master1"
        #expect(try await node.get("\(base)/main?tailLines=2").body == "two\nthree\n")
        #expect(try await node.get("\(base)/main?limitBytes=0").status == 422)
        #expect(try await node.get("\(base)/other").status == 404)
        #expect(try await node.get("\(base)/main?previous=true").status == 400)
        let refused = "\(node.addresses.readOnly)/containerLogs/default/web-kube-master1/main"
        #expect(try await node.get(refused).status == 405)

        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.seekToEnd()
        let follow = try await HTTPClient.shared.execute(
          HTTPClientRequest(url: "\(base)/main?follow=true&tailLines=1"), timeout: .seconds(30))
        var text = ""
        for try await part in follow.body {
          text += String(buffer: part)
          if text == "three\n" {
            try handle.write(
              contentsOf: Data("2016-10-06T00:00:04.000000000Z stdout F four\n".utf8))
          } else if text == "three\nfour\n" {
            // The end of the container ends it.
            try node.remove("web.yaml")
          }
        }
        #expect(text == "three\nfour\n")
      }
    }
  }

  @Test func theNodesLogsAreServedAndNothingBesides() async throws {
    try await withDirectory { parent in
      let logs = parent.appending(path: "log")
      try FileManager.default.createDirectory(
        at: logs.appending(path: "sub"), withIntermediateDirectories: true)
      try Data("words\n".utf8).write(to: logs.appending(path: "a.log"))
      try Data("secret\n".utf8).write(to: parent.appending(path: "secret"))
      try FileManager.default.createSymbolicLink(
        at: logs.appending(path: "link"), withDestinationURL: parent.appending(path: "secret"))
      try await FakeKubeletTests().withNode({ $0.logsDirectory = logs.path }) {
        node async throws -> Void in
        let base = "\(node.addresses.main)/logs"
        #expect(try await node.get("\(base)/").body == "a.log\nlink\nsub/\n")
        #expect(try await node.get("\(base)/a.log").body == "words\n")
        for path in ["none", "link", "..%2Fsecret", "sub/../../secret"] {
          #expect(try await node.get("\(base)/\(path)").status == 404, "\(path)")
        }
        #expect(try await node.get("\(node.addresses.readOnly)/logs/a.log").status == 405)
      }
    }
  }

  // MARK: - Figures

  @Test func metricsCountWhatHappens() async throws {
    try await FakeKubeletTests().withNode { node in
      try await node.run(
        Fixtures.pod(
          annotations: ["pretend.zweimaster.dev/ready-after": "1h"],
          spec:
            "    readinessProbe: {tcpSocket: {port: 1}}\n  initContainers: [{name: i, image: 'x:1'}]"
        ))
      let text = try await node.get("\(node.addresses.readOnly)/metrics").body
      for line in [
        "kubelet_running_pods 1", "kubelet_running_containers{container_state=\"running\"} 1",
        "kubelet_desired_pods{static=\"true\"} 1", "kubelet_active_pods{static=\"true\"} 1",
        "kubelet_mirror_pods 0",
        "kubelet_started_containers_total{container_type=\"container\"} 1",
        "kubelet_started_containers_total{container_type=\"init_container\"} 1",
        "kubelet_restarted_pods_total{static=\"true\"} 0",
        "kubelet_pod_start_duration_seconds_count 1",
      ] {
        #expect(text.contains("\(line)\n"), "\(line)")
      }
      try await eventually("the probe is counted") {
        try await node.get("\(node.addresses.readOnly)/metrics/probes").body.contains(
          #"prober_probe_total{probe_type="Readiness",result="failed",container="main",pod="web-kube-master1""#
        )
      }
    }
  }

  @Test func aRateNeedsTwoSamples() {
    func sample(_ second: Double, _ cpu: UInt64) -> StatsSummary.Sample {
      .init(at: .at(second), usage: ContainerUsage(cpuNanoseconds: cpu, residentBytes: 4096))
    }
    let first = StatsSummary.figures(sample(1, 500), before: nil, clock: Self.clock)
    #expect(first["cpu"]?["usageNanoCores"] == nil)
    #expect(first["memory"]?["rssBytes"] == 4096)
    let second = StatsSummary.figures(sample(3, 1500), before: sample(1, 500), clock: Self.clock)
    #expect(second["cpu"]?["usageNanoCores"] == 500)
    #expect(second["cpu"]?["usageCoreNanoSeconds"] == 1500)
  }

  @Test func theSummaryHasTheNodesFiguresAndThePods() async throws {
    try await FakeKubeletTests().withNode { node in
      try await node.run(Fixtures.pod(uid: "u1"))
      let body = try await node.get("\(node.addresses.readOnly)/stats/summary").body
      let summary = try JSONValue(parsing: Array(body.utf8))
      #expect(summary["node"]?["nodeName"] == "kube-master1")
      #expect((summary["node"]?["memory"]?["usageBytes"]?.integer ?? 0) > 0)
      let pod = try #require(summary["pods"]?.elements.first)
      #expect(pod["podRef"]?["uid"] == "u1")
      #expect(pod["containers"]?.elements.first?["name"] == "main")
      #expect(pod["cpu"] == nil, "nothing is known of a pretended container")
    }
  }

  // MARK: - TLS

  @Test func theFullPortSpeaksTLSAndAsksForACertificate() async throws {
    try await TemporaryFiles.with { files in
      let certificates = try Certificates(in: files)
      try await FakeKubeletTests().withNode({
        $0.tls = ServerTLS(
          certificateFile: certificates.certificate("server"), keyFile: certificates.key("server"),
          clientAuthorityFile: certificates.certificate("ca"))
      }) { node async throws -> Void in
        #expect(node.addresses.main.hasPrefix("https://127.0.0.1:"))
        #expect(node.addresses.readOnly.hasPrefix("http://"))
        func answer(_ client: String?) async throws -> UInt {
          var tls = TLSConfiguration.makeClientConfiguration()
          tls.trustRoots = .file(certificates.certificate("ca"))
          if let client {
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(
              certificates.certificate(client)
            ).map { .certificate($0) }
            tls.privateKey = .privateKey(
              try NIOSSLPrivateKey(file: certificates.key(client), format: .pem))
          }
          return try await HTTPClient.withHTTPClient(
            configuration: .init(tlsConfiguration: tls)
          ) {
            try await $0.execute(
              HTTPClientRequest(url: "\(node.addresses.main)/runningpods/"), timeout: .seconds(30)
            ).status.code
          }
        }
        #expect(try await answer("client") == 200)
        await #expect(throws: (any Error).self) { try await answer(nil) }
        await #expect(throws: (any Error).self) { try await answer("other-client") }
      }
    }
  }

  @Test func aCertificateThatCannotBeReadIsNamedWithItsFlag() async throws {
    try await withDirectory { directory in
      var configuration = FakeKubeletConfiguration(
        manifestDirectory: directory.path, nodeName: "n1")
      (configuration.readOnlyPort, configuration.port) = (0, 0)
      configuration.tls = ServerTLS(certificateFile: "/no/such.crt", keyFile: "/no/such.key")
      let kubelet = FakeKubelet(configuration: configuration, logger: LogCapture().logger)
      await #expect {
        try await kubelet.run()
      } throws: { "\($0)".hasPrefix("--tls-cert-file: /no/such.crt: ") }
    }
  }
}
