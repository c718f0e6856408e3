// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let inMemoryLogging: Target.Dependency = .product(name: "InMemoryLogging", package: "swift-log")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let httpClient: Target.Dependency = .product(
  name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(
  name: "HummingbirdCore", package: "hummingbird")
let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")

let package = Package(
  name: "zweimaster",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "KVStore", targets: ["KVStore"]),
    .library(name: "EtcdClient", targets: ["EtcdClient"]),
    .library(name: "Elector", targets: ["Elector"]),
    .library(name: "APIServerClient", targets: ["APIServerClient"]),
    .library(name: "FakeKubelet", targets: ["FakeKubelet"]),
    .library(name: "FakeAPIServer", targets: ["FakeAPIServer"]),
    .executable(name: "fake-apiserver", targets: ["fake-apiserver"]),
    .library(name: "HTTPListening", targets: ["HTTPListening"]),
    .library(name: "TestCluster", targets: ["TestCluster"]),
    .library(name: "WallClock", type: .dynamic, targets: ["CWallClock"]),
    .executable(name: "kvstore", targets: ["kvstore"]),
    .executable(name: "elector", targets: ["elector"]),
    .executable(name: "fake-kubelet", targets: ["fake-kubelet"]),
    .executable(name: "zweimaster", targets: ["zweimaster"]),
    .executable(name: "kvbench", targets: ["kvbench"]),
    .executable(name: "kube-scheduler-stand-in", targets: ["kube-scheduler-stand-in"]),
    .executable(
      name: "kube-controller-manager-stand-in", targets: ["kube-controller-manager-stand-in"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    // For the tests alone.
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
  ],
  targets: [
    // Shared ground: how Go programs spell flags and durations, how klog writes a line, where etcd
    // takes its settings from, inotify, the pauses between restarts, metrics, JSON, the limit of
    // open files, systemd, processes.
    .target(name: "GoFlags", dependencies: [arguments], swiftSettings: settings),
    .target(name: "Klog", dependencies: [logging], swiftSettings: settings),
    .target(name: "EtcdSettings", dependencies: [yams], swiftSettings: settings),
    .target(name: "DirectoryWatch", dependencies: [systemPackage], swiftSettings: settings),
    .target(name: "RestartBackoff", swiftSettings: settings),
    .target(name: "PrometheusText", swiftSettings: settings),
    .target(name: "JSONText", swiftSettings: settings),
    .target(name: "OpenFiles", swiftSettings: settings),
    .target(name: "Systemd", swiftSettings: settings),
    .target(name: "ProcessStat", swiftSettings: settings),
    // A port, its TLS files, its URL: of all but kvstore, whose HTTP is its own.
    .target(
      name: "HTTPListening",
      dependencies: [hummingbird, hummingbirdCore, hummingbirdTLS, nioCore, nioSSL, logging],
      swiftSettings: settings),

    // bcrypt, for the passwords of kvstore's users; it comes with the C library's development files.
    .systemLibrary(name: "CCrypt"),
    .target(
      name: "KVStore",
      dependencies: [
        "CCrypt", "OpenFiles", "PrometheusText", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL,
        logging, lifecycle,
        collections, grdb, sqlite,
      ],
      swiftSettings: settings),
    .target(
      name: "EtcdClient",
      dependencies: ["JSONText", nioCore, nioPosix, nioHTTP1, nioSSL, httpClient],
      swiftSettings: settings),
    // Kubernetes' API server, asked: of the elector, of the fake kubelet, of what stands in for daemons.
    .target(
      name: "APIServerClient", dependencies: ["EtcdClient", "JSONText", nioCore, httpClient],
      swiftSettings: settings),
    .target(
      name: "APIServerFlags", dependencies: ["APIServerClient", "EtcdClient", arguments],
      swiftSettings: settings),
    .target(
      name: "Elector",
      dependencies: [
        "APIServerClient", "EtcdClient", "DirectoryWatch", "RestartBackoff", nioCore, nioPosix,
        nioSSL, httpClient,
        logging, lifecycle, yams,
      ],
      swiftSettings: settings),
    .target(
      name: "ElectorHTTP",
      dependencies: [
        "Elector", "HTTPListening", "PrometheusText", hummingbird, nioCore, lifecycle,
      ],
      swiftSettings: settings),
    // A process beside each container of the fake kubelet: its log, its end.
    .target(name: "ContainerShim", dependencies: ["ProcessStat"], swiftSettings: settings),
    .target(
      name: "FakeKubelet",
      dependencies: [
        "APIServerClient", "ContainerShim", "DirectoryWatch", "GoFlags", "HTTPListening",
        "ProcessStat",
        "PrometheusText", hummingbird, crypto, httpClient, nioCore, nioPosix, nioHTTP1, nioSSL,
        logging, lifecycle, subprocess, systemPackage, yams,
      ],
      swiftSettings: settings),
    // Kubernetes' API, as far as the recipe and kubectl need it; its state is in etcd alone.
    .target(
      name: "FakeAPIServer",
      dependencies: [
        "APIServerClient", "EtcdClient", "FakeKubelet", "HTTPListening", "PrometheusText",
        .product(name: "DequeModule", package: "swift-collections"), hummingbird, httpClient,
        nioCore, logging, lifecycle,
      ],
      swiftSettings: settings),
    // What the elector elects, where there is no Kubernetes: a scheduler and a controller manager, in small.
    .target(
      name: "StandIns",
      dependencies: ["APIServerClient", "HTTPListening", hummingbird, nioCore, logging, lifecycle],
      swiftSettings: settings),
    .target(
      name: "StandInCommand",
      dependencies: [
        "APIServerFlags", "EtcdClient", "GoFlags", "Klog", "StandIns", arguments, logging,
        lifecycle,
        unixSignals,
      ],
      swiftSettings: settings),
    // A wall clock that can be set, for a process that is started with it in LD_PRELOAD; nobody imports it.
    .target(name: "CWallClock"),
    // Cuts, delays and silence between a client and a server; for clusters and for tests.
    .target(
      name: "FaultRelay", dependencies: ["EtcdClient", nioCore, nioPosix],
      swiftSettings: settings),
    .target(
      name: "TestCluster",
      dependencies: [
        "Elector", "EtcdClient", "FaultRelay", "OpenFiles", "ProcessStat", "RestartBackoff",
        hummingbird, nioCore,
        nioPosix, httpClient, logging, lifecycle, subprocess, systemPackage,
      ],
      // The init scripts of deploy/, for the recipe's machine room.
      resources: [.embedInCode("Recipe/Files")],
      swiftSettings: settings),

    // Whole clusters under simulated time: the pure parts of the three, with nothing else around them.
    .target(
      name: "Simulator",
      dependencies: [
        "Elector", "EtcdClient", "FakeKubelet", "KVStore",
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "DequeModule", package: "swift-collections"),
      ],
      swiftSettings: settings),

    .target(
      name: "Benchmark",
      dependencies: ["OpenFiles", nioCore, nioPosix, nioHTTP1, subprocess, systemPackage],
      swiftSettings: settings),

    .executableTarget(
      name: "kvstore",
      dependencies: [
        "KVStore", "EtcdSettings", "GoFlags", "Klog", "OpenFiles", arguments, logging, lifecycle,
        unixSignals,
      ],
      path: "Sources/Commands/kvstore", swiftSettings: settings),
    .executableTarget(
      name: "elector",
      dependencies: [
        "APIServerClient", "Elector", "ElectorHTTP", "EtcdClient", "EtcdSettings", "GoFlags",
        "Klog",
        "OpenFiles", "Systemd", arguments, httpClient, logging, lifecycle, unixSignals, yams,
      ],
      path: "Sources/Commands/elector", swiftSettings: settings),
    .executableTarget(
      name: "fake-apiserver",
      dependencies: [
        "EtcdClient", "EtcdSettings", "FakeAPIServer", "GoFlags", "HTTPListening", "Klog",
        arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/fake-apiserver", swiftSettings: settings),
    .executableTarget(
      name: "fake-kubelet",
      dependencies: [
        "APIServerFlags", "ContainerShim", "EtcdClient", "FakeKubelet", "GoFlags",
        "HTTPListening", "Klog", arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/fake-kubelet", swiftSettings: settings),
    .executableTarget(
      name: "zweimaster",
      dependencies: [
        "Simulator", "TestCluster", "Elector", "EtcdClient", "GoFlags", arguments, logging,
        lifecycle,
        unixSignals,
      ],
      path: "Sources/Commands/zweimaster", swiftSettings: settings),
    .executableTarget(
      name: "kvbench", dependencies: ["Benchmark", arguments, unixSignals],
      path: "Sources/Commands/kvbench", swiftSettings: settings),

    .executableTarget(
      name: "kube-scheduler-stand-in",
      dependencies: ["APIServerFlags", "GoFlags", "StandInCommand", "StandIns", arguments],
      path: "Sources/Commands/stand-in-scheduler", swiftSettings: settings),
    .executableTarget(
      name: "kube-controller-manager-stand-in",
      dependencies: ["APIServerFlags", "GoFlags", "StandInCommand", "StandIns", arguments],
      path: "Sources/Commands/stand-in-controller-manager", swiftSettings: settings),

    .testTarget(
      name: "BenchmarkTests", dependencies: ["Benchmark", "KVStore", nioPosix],
      swiftSettings: settings),
    .testTarget(
      name: "ProcessStatTests", dependencies: ["ProcessStat"], swiftSettings: settings),
    .testTarget(name: "GoFlagsTests", dependencies: ["GoFlags"], swiftSettings: settings),
    .testTarget(name: "JSONTextTests", dependencies: ["JSONText"], swiftSettings: settings),
    .testTarget(name: "KlogTests", dependencies: ["Klog"], swiftSettings: settings),
    .testTarget(name: "EtcdSettingsTests", dependencies: ["EtcdSettings"], swiftSettings: settings),
    .testTarget(
      name: "DirectoryWatchTests", dependencies: ["DirectoryWatch"], swiftSettings: settings),
    .testTarget(
      name: "HTTPListeningTests",
      dependencies: ["EtcdClient", "EtcdTestSupport", "HTTPListening", hummingbird, nioCore],
      swiftSettings: settings),
    .testTarget(
      name: "RestartBackoffTests", dependencies: ["RestartBackoff"], swiftSettings: settings),
    .testTarget(
      name: "KVStoreTests",
      dependencies: [
        "PrometheusText",
        "KVStore", "kvstore", httpClient, nioCore, nioPosix, nioHTTP1, nioSSL, subprocess, logging,
        inMemoryLogging, x509, crypto, asn1,
      ],
      exclude: ["Conformance/Cases"],
      swiftSettings: settings),
    // A real etcd, certificates, the built programs, patience: what more than one of the tests needs.
    .target(
      name: "EtcdTestSupport",
      dependencies: ["EtcdClient", nioCore, nioPosix, nioHTTP1, subprocess],
      path: "Tests/EtcdTestSupport", swiftSettings: settings),
    .testTarget(
      name: "EtcdClientTests",
      dependencies: [
        "EtcdClient", "EtcdTestSupport", "FaultRelay", "JSONText", "KVStore", nioCore, nioPosix,
        nioHTTP1,
      ],
      swiftSettings: settings),
    // A fake-apiserver on a kvstore, for its clients' tests.
    .target(
      name: "APIServerTestSupport",
      dependencies: [
        "APIServerClient", "EtcdClient", "EtcdTestSupport", "FakeAPIServer", "FaultRelay",
        "KVStore", logging, lifecycle,
      ],
      path: "Tests/APIServerTestSupport", swiftSettings: settings),
    .testTarget(
      name: "APIServerClientTests", dependencies: ["APIServerClient", "EtcdTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ElectorTests",
      dependencies: [
        "APIServerClient", "Elector", "ElectorHTTP", "elector", "EtcdClient", "EtcdTestSupport",
        "FaultRelay",
        "KVStore", "GoFlags", "Systemd", nioPosix, httpClient,
        logging, lifecycle, subprocess, systemPackage, yams,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "SimulatorTests", dependencies: ["Simulator", "Elector", "KVStore"],
      swiftSettings: settings),
    .testTarget(
      name: "FakeKubeletTests",
      dependencies: [
        "APIServerClient", "APIServerTestSupport", "EtcdClient", "FakeKubelet", "fake-kubelet",
        "EtcdTestSupport", "HTTPListening", httpClient, nioSSL, logging, lifecycle, subprocess,
      ],
      resources: [.copy("Manifests")], swiftSettings: settings),
    .testTarget(
      name: "StandInsTests",
      dependencies: [
        "APIServerClient", "APIServerTestSupport", "FakeKubelet", "StandIns",
        "kube-scheduler-stand-in", "kube-controller-manager-stand-in", "EtcdClient",
        "EtcdTestSupport", httpClient, logging, subprocess,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "FakeAPIServerTests",
      dependencies: [
        "APIServerClient", "APIServerTestSupport", "FakeAPIServer", "fake-apiserver", "FakeKubelet",
        "fake-kubelet",
        "KVStore", "kvstore", "EtcdClient", "EtcdTestSupport", httpClient, nioHTTP1, logging,
        lifecycle, subprocess,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "TestClusterTests", dependencies: ["TestCluster", "EtcdTestSupport", subprocess],
      swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "TestCluster", "EtcdClient", "EtcdTestSupport", "kvstore", "elector", "fake-kubelet",
        "fake-apiserver",
        "zweimaster",
        "kube-scheduler-stand-in", "kube-controller-manager-stand-in", httpClient, nioCore,
        subprocess, systemPackage,
      ],
      swiftSettings: settings),
  ]
)
