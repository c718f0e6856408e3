// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Keys",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "zweimaster", path: "../..")],
  targets: [
    .testTarget(
      name: "KeysTests",
      dependencies: [
        .product(name: "EtcdClient", package: "zweimaster"),
        .product(name: "KVStore", package: "zweimaster"),
      ],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
  ]
)
