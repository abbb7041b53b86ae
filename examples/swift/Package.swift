// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "DttExamples",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "Dtt", path: "../../bindings/swift")],
    targets: [
        .executableTarget(name: "Chat", dependencies: ["Dtt"]),
        .executableTarget(name: "DemoPeer", dependencies: ["Dtt"]),
        .executableTarget(name: "Bench", dependencies: ["Dtt"]),
    ],
    swiftLanguageModes: [.v6]
)
