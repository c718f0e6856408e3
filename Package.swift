// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
]

// For --version. Only CVersion is compiled with it, so that a new commit compiles no Swift.
let commit = Context.gitInformation.map {
  $0.currentCommit.prefix(9) + ($0.hasUncommittedChanges ? "+changes" : "")
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
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
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")

let package = Package(
  name: "zweimaster",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "KVStore", targets: ["KVStore"]),
    .library(name: "EtcdClient", targets: ["EtcdClient"]),
    .library(name: "Elector", targets: ["Elector"]),
    .library(name: "KubernetesObjects", targets: ["KubernetesObjects"]),
    .library(name: "KubernetesClient", targets: ["KubernetesClient"]),
    .library(name: "FakeKubelet", targets: ["FakeKubelet"]),
    .library(name: "FakeAPIServer", targets: ["FakeAPIServer"]),
    .library(name: "HTTPListening", targets: ["HTTPListening"]),
    .library(name: "TestCluster", targets: ["TestCluster"]),
    .library(name: "WallClock", type: .dynamic, targets: ["CWallClock"]),
    .executable(name: "kvstore", targets: ["kvstore"]),
    .executable(name: "elector", targets: ["elector"]),
    .executable(name: "fake-kubelet", targets: ["fake-kubelet"]),
    .executable(name: "fake-apiserver", targets: ["fake-apiserver"]),
    .executable(name: "kube-scheduler-stand-in", targets: ["kube-scheduler-stand-in"]),
    .executable(
      name: "kube-controller-manager-stand-in", targets: ["kube-controller-manager-stand-in"]),
    .executable(name: "zweimaster", targets: ["zweimaster"]),
    .executable(name: "zweimaster-bench", targets: ["zweimaster-bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
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
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    // For `make lint` alone: the documentation of the libraries is built without a warning.
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    // MARK: Support

    .target(name: "JSONText", path: "Sources/Support/JSONText", swiftSettings: settings),
    // A target of its own, since kvstore links no web framework.
    .target(
      name: "PrometheusText", path: "Sources/Support/PrometheusText", swiftSettings: settings),
    // What a client needs to reach a server: its address, TLS, back-off.
    .target(
      name: "HTTPEndpoint", dependencies: [nioCore, nioSSL], path: "Sources/Support/HTTPEndpoint",
      swiftSettings: settings),
    // A port, its TLS files, its URL: for every server but kvstore, whose HTTP is its own.
    .target(
      name: "HTTPListening",
      dependencies: [
        "HTTPEndpoint", arguments, hummingbird, hummingbirdCore, hummingbirdTLS, nioCore, nioSSL,
        logging,
      ],
      path: "Sources/Support/HTTPListening", swiftSettings: settings),
    .target(
      name: "CVersion", path: "Sources/Support/CVersion",
      cSettings: [.define("ZWEIMASTER_COMMIT", to: "\"\(commit ?? "unknown")\"")]),
    // Go's flags and durations, klog's lines, settings from files and the environment, the version.
    .target(
      name: "CommandLine", dependencies: ["CVersion", arguments, logging, yams],
      path: "Sources/Support/CommandLine", swiftSettings: settings),
    // inotify, /proc, Unix sockets, paths beneath a directory, the limit of open files, sd_notify, pauses between restarts.
    .target(
      name: "Linux", dependencies: ["CLinux", systemPackage], path: "Sources/Support/Linux",
      swiftSettings: settings),

    // Random numbers from a seed, for simulations, campaigns and tests.
    .target(
      name: "SeededRandom", path: "Sources/Support/SeededRandom", swiftSettings: settings),

    // The messages of etcd's v3 API, generated from etcd.proto by integration/messages.
    .target(
      name: "EtcdMessages", dependencies: [protobuf], path: "Sources/Support/EtcdMessages",
      exclude: ["etcd.proto"], swiftSettings: settings),

    // MARK: Clients and objects

    .target(
      name: "EtcdClient",
      dependencies: [
        "HTTPEndpoint", "JSONText", nioCore, nioPosix, nioHTTP1, nioSSL, httpClient,
      ],
      swiftSettings: settings),
    .target(
      name: "KubernetesObjects", dependencies: ["JSONText", yams], swiftSettings: settings),
    .target(
      name: "KubernetesClient",
      dependencies: [
        "HTTPEndpoint", "KubernetesObjects", arguments, nioCore, httpClient,
      ],
      swiftSettings: settings),

    // MARK: The programs' libraries

    // bcrypt, for the passwords of kvstore's users; it comes with the C library's development files.
    .systemLibrary(name: "CCrypt"),
    .target(
      name: "KVStore",
      dependencies: [
        "CCrypt", "CLinux", "EtcdMessages", "HTTPEndpoint", "Linux", "PrometheusText", nioCore,
        nioPosix, nioHTTP1, nioTLS, nioSSL, nioHTTP2, nioHPACK, logging, lifecycle, collections,
        deque, grdb, protobuf, sqlite,
      ],
      swiftSettings: settings),
    // signalfd and timerfd for the guard, eventfd for kvstore's writer, openat2 and mounts for the kubelet.
    .systemLibrary(name: "CLinux", path: "Sources/Support/CLinux"),
    .target(
      name: "Elector",
      dependencies: [
        "CLinux", "EtcdClient", "HTTPEndpoint", "KubernetesClient", "KubernetesObjects", "Linux",
        deque, nioCore, nioPosix, nioSSL, httpClient, logging, lifecycle, yams,
      ],
      swiftSettings: settings),
    // A target of its own, since the simulator links no web server.
    .target(
      name: "ElectorHTTP",
      dependencies: [
        "Elector", "HTTPListening", "Linux", "PrometheusText", hummingbird, nioCore, lifecycle,
      ],
      swiftSettings: settings),
    // A process beside each container of the fake kubelet: its log, its end.
    .target(
      name: "ContainerShim", dependencies: ["CLinux", "KubernetesObjects", "Linux"],
      swiftSettings: settings),
    .target(
      name: "FakeKubelet",
      dependencies: [
        "CommandLine", "ContainerShim", "HTTPEndpoint", "HTTPListening", "KubernetesClient",
        "KubernetesObjects", "Linux", "PrometheusText", hummingbird, httpClient, nioCore, nioPosix,
        nioHTTP1, nioSSL, logging, lifecycle, subprocess, systemPackage,
      ],
      swiftSettings: settings),
    .target(
      name: "FakeAPIServer",
      dependencies: [
        "EtcdClient", "HTTPEndpoint", "HTTPListening", "KubernetesClient", "KubernetesObjects",
        "Linux", "PrometheusText", deque, hummingbird, httpClient, nioCore, nioPosix, logging,
        lifecycle,
      ],
      swiftSettings: settings),
    .target(
      name: "StandIns",
      dependencies: [
        "CommandLine", "HTTPListening", "KubernetesClient", "KubernetesObjects", arguments,
        hummingbird, nioCore, logging, lifecycle, unixSignals,
      ],
      swiftSettings: settings),

    // MARK: Clusters: run, broken, measured, simulated

    // What happened in a cluster, as a page that one can play: lanes, states, marks.
    .target(
      name: "Stories", resources: [.embedInCode("Page")], swiftSettings: settings),
    // A wall clock that can be set, for a process that is started with it in LD_PRELOAD; nothing imports it.
    .target(name: "CWallClock"),
    // Cuts, delays and silence between a client and a server; for clusters and for tests.
    .target(
      name: "FaultRelay", dependencies: ["HTTPEndpoint", nioCore, nioPosix],
      swiftSettings: settings),
    .target(
      name: "TestCluster",
      dependencies: [
        "CLinux", "Elector", "EtcdClient", "FaultRelay", "HTTPEndpoint", "HTTPListening",
        "JSONText",
        "KubernetesObjects", "Linux", "Stories", hummingbird, nioCore, nioPosix, nioHTTP1,
        httpClient, logging, lifecycle, subprocess, systemPackage,
      ],
      // The recipe's manifests, and the init scripts and the load balancer's rules of deploy/.
      resources: [.embedInCode("Recipe/Files")],
      swiftSettings: settings),
    .target(
      name: "FaultCampaigns",
      dependencies: [
        "Elector", "EtcdClient", "FaultRelay", "SeededRandom", "Stories", "TestCluster", nioCore,
        nioPosix, subprocess, systemPackage,
      ],
      swiftSettings: settings),
    .target(
      name: "Benchmarks",
      dependencies: [
        "CommandLine", "Linux", "TestCluster", arguments, httpClient, nioCore, nioPosix, nioHTTP1,
        nioHTTP2, nioHPACK, subprocess, systemPackage, unixSignals,
      ],
      swiftSettings: settings),
    // Whole clusters in simulated time: the cores of the programs as they are.
    .target(
      name: "Simulator",
      dependencies: [
        "Elector", "EtcdClient", "FakeKubelet", "HTTPEndpoint", "KVStore", "KubernetesObjects",
        "SeededRandom", "Stories", heap, deque,
      ],
      swiftSettings: settings),

    // MARK: Programs

    // kvstore's allocator, and its settings.
    .target(
      name: "CAllocator", path: "Sources/Support/CAllocator",
      linkerSettings: [.linkedLibrary("jemalloc")]),
    .executableTarget(
      name: "kvstore",
      dependencies: [
        "CAllocator", "CommandLine", "KVStore", "Linux", arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/kvstore", swiftSettings: settings),
    .executableTarget(
      name: "elector",
      dependencies: [
        "CommandLine", "Elector", "ElectorHTTP", "EtcdClient", "HTTPEndpoint", "KubernetesClient",
        "Linux", arguments, httpClient, logging, lifecycle, unixSignals, yams,
      ],
      path: "Sources/Commands/elector", swiftSettings: settings),
    .executableTarget(
      name: "fake-kubelet",
      dependencies: [
        "CommandLine", "ContainerShim", "FakeKubelet", "HTTPEndpoint", "HTTPListening",
        "KubernetesClient", arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/fake-kubelet", swiftSettings: settings),
    .executableTarget(
      name: "fake-apiserver",
      dependencies: [
        "CommandLine", "EtcdClient", "FakeAPIServer", "HTTPEndpoint", "HTTPListening", arguments,
        logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/fake-apiserver", swiftSettings: settings),
    .executableTarget(
      name: "kube-scheduler-stand-in", dependencies: ["StandIns"],
      path: "Sources/Commands/kube-scheduler-stand-in", swiftSettings: settings),
    .executableTarget(
      name: "kube-controller-manager-stand-in", dependencies: ["StandIns"],
      path: "Sources/Commands/kube-controller-manager-stand-in", swiftSettings: settings),
    .executableTarget(
      name: "zweimaster",
      dependencies: [
        "CommandLine", "Elector", "EtcdClient", "FaultCampaigns", "HTTPEndpoint", "Simulator",
        "Stories", "TestCluster", arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/zweimaster", swiftSettings: settings),
    .executableTarget(
      name: "zweimaster-bench",
      dependencies: ["Benchmarks", "CommandLine", arguments],
      path: "Sources/Commands/zweimaster-bench", swiftSettings: settings),

    // MARK: Tests

    // A real etcd, an API server on a kvstore, certificates, the built programs, patience.
    .target(
      name: "TestSupport",
      dependencies: [
        "EtcdClient", "FakeAPIServer", "FaultRelay", "HTTPEndpoint", "KVStore",
        "KubernetesClient", "KubernetesObjects", "SeededRandom", nioCore, nioPosix, nioHTTP1,
        logging, lifecycle, subprocess,
      ],
      path: "Tests/TestSupport", swiftSettings: settings),
    .testTarget(
      name: "JSONTextTests", dependencies: ["JSONText"], path: "Tests/Support/JSONTextTests",
      swiftSettings: settings),
    .testTarget(
      name: "HTTPListeningTests",
      dependencies: [
        "HTTPEndpoint", "HTTPListening", "TestSupport", hummingbird, nioCore, nioPosix, httpClient,
      ],
      path: "Tests/Support/HTTPListeningTests", swiftSettings: settings),
    .testTarget(
      name: "HTTPEndpointTests", dependencies: ["HTTPEndpoint", "SeededRandom", "TestSupport"],
      path: "Tests/Support/HTTPEndpointTests", swiftSettings: settings),
    .testTarget(
      name: "CommandLineTests", dependencies: ["CommandLine"],
      path: "Tests/Support/CommandLineTests", swiftSettings: settings),
    .testTarget(
      name: "LinuxTests", dependencies: ["Linux", "TestSupport", systemPackage],
      path: "Tests/Support/LinuxTests", swiftSettings: settings),
    .testTarget(
      name: "EtcdClientTests",
      dependencies: [
        "EtcdClient", "FaultRelay", "HTTPEndpoint", "JSONText", "KVStore", "TestSupport", nioCore,
        nioPosix, nioHTTP1,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "KubernetesObjectsTests",
      dependencies: ["KubernetesObjects", "SeededRandom", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "KubernetesClientTests",
      dependencies: ["KubernetesClient", "KubernetesObjects", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "KVStoreTests",
      dependencies: [
        "EtcdMessages", "JSONText", "KVStore", "PrometheusText", "SeededRandom", "TestSupport",
        "kvstore", httpClient, nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK, nioEmbedded, nioSSL,
        subprocess,
        logging, inMemoryLogging,
      ],
      exclude: [
        "Calls/Cases", "Calls/README.md", "Calls/messages.json", "Calls/replay.py",
        "Conformance/Cases", "HTTP/Connection/Traces", "Model/Corpus", "SQLite/VersionTwo",
        "SQLite/VersionThree", "Wire/Traces", "Wire/Corpus",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ElectorTests",
      dependencies: [
        "CommandLine", "Elector", "ElectorHTTP", "EtcdClient", "FakeKubelet", "FaultRelay",
        "HTTPEndpoint", "KVStore", "KubernetesClient", "KubernetesObjects", "Linux", "TestSupport",
        "elector",
        nioPosix, httpClient, logging, lifecycle, subprocess, systemPackage, yams,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "FakeKubeletTests",
      dependencies: [
        "FakeKubelet", "HTTPEndpoint", "HTTPListening", "KubernetesClient", "KubernetesObjects",
        "ContainerShim", "Linux", "SeededRandom", "TestSupport", "fake-kubelet", httpClient, nioSSL,
        logging, lifecycle, subprocess,
      ],
      exclude: ["Fuzz/Corpus"], resources: [.copy("Manifests")], swiftSettings: settings),
    .testTarget(
      name: "FakeAPIServerTests",
      dependencies: [
        "EtcdClient", "FakeAPIServer", "FakeKubelet", "KVStore", "KubernetesClient",
        "KubernetesObjects", "HTTPListening", "Linux", "SeededRandom", "TestSupport",
        "fake-apiserver",
        "fake-kubelet", "kvstore", httpClient, nioHTTP1, logging, lifecycle, subprocess,
      ],
      exclude: ["Fuzz/Corpus"], swiftSettings: settings),
    .testTarget(
      name: "StandInsTests",
      dependencies: [
        "FakeKubelet", "KubernetesClient", "KubernetesObjects", "StandIns", "TestSupport",
        "kube-controller-manager-stand-in", "kube-scheduler-stand-in", httpClient, logging,
        subprocess,
      ],
      swiftSettings: settings),
    .testTarget(name: "StoriesTests", dependencies: ["Stories"], swiftSettings: settings),
    .testTarget(
      name: "TestClusterTests",
      dependencies: ["Elector", "Stories", "TestCluster", "TestSupport", subprocess],
      swiftSettings: settings),
    .testTarget(
      name: "FaultCampaignsTests",
      dependencies: [
        "Elector", "FaultCampaigns", "FaultRelay", "SeededRandom", "Stories", "TestCluster",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "BenchmarksTests",
      dependencies: ["Benchmarks", "KVStore", "Linux", "TestCluster", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "SimulatorTests",
      dependencies: [
        "Elector", "EtcdClient", "KVStore", "SeededRandom", "Simulator", "Stories", "TestSupport",
      ],
      swiftSettings: settings),
    // What the manual says of the code: links, sizes, named tests, tables of flags. `make tidy` runs it.
    .testTarget(
      name: "DocumentTests",
      dependencies: [
        "FaultCampaigns", "KubernetesObjects", "TestSupport", "elector", "fake-apiserver",
        "fake-kubelet", "kube-controller-manager-stand-in", "kube-scheduler-stand-in", "kvstore",
        "zweimaster", "zweimaster-bench", subprocess, systemPackage,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Benchmarks", "EtcdClient", "FaultCampaigns", "HTTPEndpoint", "KubernetesObjects",
        "Stories",
        "TestCluster", "TestSupport", "elector", "fake-apiserver", "fake-kubelet",
        "kube-controller-manager-stand-in", "kube-scheduler-stand-in", "kvstore", "zweimaster",
        "zweimaster-bench", httpClient, nioCore, subprocess, systemPackage,
      ],
      swiftSettings: settings),
  ]
)
