// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Takeover",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "zweimaster", path: "../..")],
  targets: [
    .testTarget(
      name: "TakeoverTests",
      dependencies: [
        .product(name: "TestCluster", package: "zweimaster")
      ],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
  ]
)
