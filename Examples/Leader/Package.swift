// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "Leader",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "zweimaster", path: "../.."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .executableTarget(
      name: "Leader",
      dependencies: [
        .product(name: "Elector", package: "zweimaster"),
        .product(name: "EtcdClient", package: "zweimaster"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "LeaderTests",
      dependencies: ["Leader", .product(name: "KVStore", package: "zweimaster")],
      swiftSettings: settings),
  ]
)
