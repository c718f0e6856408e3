// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let httpClient: Target.Dependency = .product(
  name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "zweimaster",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "KVStore", targets: ["KVStore"]),
    .library(name: "EtcdClient", targets: ["EtcdClient"]),
    .library(name: "Elector", targets: ["Elector"]),
    .library(name: "FakeKubelet", targets: ["FakeKubelet"]),
    .library(name: "TestCluster", targets: ["TestCluster"]),
    .executable(name: "kvstore", targets: ["kvstore"]),
    .executable(name: "elector", targets: ["elector"]),
    .executable(name: "fake-kubelet", targets: ["fake-kubelet"]),
    .executable(name: "zweimaster", targets: ["zweimaster"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
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
  ],
  targets: [
    // Shared ground: how Go programs spell flags and durations, how klog writes a line, where etcd
    // takes its settings from, inotify, the pauses between restarts.
    .target(name: "GoFlags", dependencies: [arguments], swiftSettings: settings),
    .target(name: "Klog", dependencies: [logging], swiftSettings: settings),
    .target(name: "EtcdSettings", dependencies: [yams], swiftSettings: settings),
    .target(name: "DirectoryWatch", dependencies: [systemPackage], swiftSettings: settings),
    .target(name: "RestartBackoff", swiftSettings: settings),

    .target(
      name: "KVStore",
      dependencies: [nioCore, nioPosix, nioHTTP1, logging, lifecycle, collections, grdb, sqlite],
      swiftSettings: settings),
    .target(
      name: "EtcdClient", dependencies: [nioCore, nioPosix, nioHTTP1, httpClient],
      swiftSettings: settings),
    .target(
      name: "Elector",
      dependencies: [
        "EtcdClient", "DirectoryWatch", "RestartBackoff", nioCore, nioPosix, httpClient, logging,
        lifecycle, yams,
      ],
      swiftSettings: settings),
    .target(
      name: "FakeKubelet",
      dependencies: [
        "DirectoryWatch", "GoFlags", hummingbird, nioCore, nioPosix, logging, lifecycle, yams,
      ],
      swiftSettings: settings),
    .target(
      name: "TestCluster",
      dependencies: [
        "EtcdClient", "RestartBackoff", hummingbird, nioCore, nioPosix, httpClient, logging,
        lifecycle, subprocess, systemPackage,
      ],
      swiftSettings: settings),

    .executableTarget(
      name: "kvstore",
      dependencies: [
        "KVStore", "EtcdSettings", "GoFlags", "Klog", arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/kvstore", swiftSettings: settings),
    .executableTarget(
      name: "elector",
      dependencies: [
        "Elector", "EtcdClient", "GoFlags", "Klog", arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/elector", swiftSettings: settings),
    .executableTarget(
      name: "fake-kubelet",
      dependencies: ["FakeKubelet", "GoFlags", "Klog", arguments, logging, lifecycle, unixSignals],
      path: "Sources/Commands/fake-kubelet", swiftSettings: settings),
    .executableTarget(
      name: "zweimaster",
      dependencies: [
        "TestCluster", "EtcdClient", "GoFlags", arguments, logging, lifecycle, unixSignals,
      ],
      path: "Sources/Commands/zweimaster", swiftSettings: settings),

    .testTarget(name: "GoFlagsTests", dependencies: ["GoFlags"], swiftSettings: settings),
    .testTarget(name: "KlogTests", dependencies: ["Klog"], swiftSettings: settings),
    .testTarget(name: "EtcdSettingsTests", dependencies: ["EtcdSettings"], swiftSettings: settings),
    .testTarget(
      name: "DirectoryWatchTests", dependencies: ["DirectoryWatch"], swiftSettings: settings),
    .testTarget(
      name: "RestartBackoffTests", dependencies: ["RestartBackoff"], swiftSettings: settings),
    .testTarget(
      name: "KVStoreTests",
      dependencies: ["KVStore", "kvstore", httpClient, nioCore, nioPosix, nioHTTP1, subprocess],
      exclude: ["Conformance/Cases"],
      swiftSettings: settings),
    .testTarget(
      name: "EtcdClientTests",
      dependencies: ["EtcdClient", "KVStore", nioCore, nioPosix, nioHTTP1],
      swiftSettings: settings),
    .testTarget(
      name: "ElectorTests",
      dependencies: [
        "Elector", "elector", "EtcdClient", "KVStore", "GoFlags", nioPosix, logging, lifecycle,
        subprocess, systemPackage,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "FakeKubeletTests",
      dependencies: ["FakeKubelet", "fake-kubelet", httpClient, logging, lifecycle, subprocess],
      resources: [.copy("Manifests")], swiftSettings: settings),
    .testTarget(name: "TestClusterTests", dependencies: ["TestCluster"], swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "TestCluster", "EtcdClient", "kvstore", "elector", "fake-kubelet", "zweimaster",
        subprocess, systemPackage,
      ],
      swiftSettings: settings),
  ]
)
