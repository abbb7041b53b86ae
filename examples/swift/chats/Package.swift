// swift-tools-version: 6.0
import PackageDescription

// A package that is given by its path has the name of its folder.
let dtt: Target.Dependency = .product(name: "Dtt", package: "swift")

let package = Package(
    name: "DttExamples",
    platforms: [.macOS(.v13)],
    dependencies: [.package(path: "../../../bindings/swift")],
    targets: [
        .executableTarget(name: "Chat", dependencies: [dtt]),
        .executableTarget(name: "DemoPeer", dependencies: [dtt]),
        .executableTarget(name: "Bench", dependencies: [dtt]),
    ],
    swiftLanguageModes: [.v6]
)
