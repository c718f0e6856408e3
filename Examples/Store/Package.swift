// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Store",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "zweimaster", path: "../..")],
  targets: [
    .testTarget(
      name: "StoreTests",
      dependencies: [
        .product(name: "KVStore", package: "zweimaster"),
        .product(name: "EtcdClient", package: "zweimaster"),
      ],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
  ]
)
