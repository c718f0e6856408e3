// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Pods",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "zweimaster", path: "../..")],
  targets: [
    .testTarget(
      name: "PodsTests",
      dependencies: [
        .product(name: "FakeKubelet", package: "zweimaster")
      ],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
  ]
)
