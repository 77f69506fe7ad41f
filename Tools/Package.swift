// swift-tools-version: 6.2
//
// The tools that read Swift: `make mutants`, `make book` and `make results`. A package of its own, because swift-syntax
// takes minutes to build and the library does not need it. Built in .build-tools.

import PackageDescription

let syntax = ["SwiftSyntax", "SwiftParser"].map { Target.Dependency.product(name: $0, package: "swift-syntax") }

let package = Package(
  name: "tools",
  dependencies: [
    .package(url: "https://github.com/swiftlang/swift-syntax", "602.0.0"..<"604.0.0"),
    .package(name: "mohawk", path: ".."),
  ],
  targets: [
    // What is mutated, and how all mutants are written into one program: texts in, texts out.
    .target(name: "MutationSites", dependencies: syntax, path: "Mutants/MutationSites"),
    // The copy, the runs and the report.
    .executableTarget(name: "count-mutants", dependencies: ["MutationSites"], path: "Mutants/CountMutants"),
    .testTarget(
      name: "MutationSitesTests", dependencies: ["MutationSites"], path: "Mutants/MutationSitesTests"),

    // Who uses which declaration, as the compiler recorded it while building.
    .target(name: "CIndexStore", path: "CIndexStore"),
    // Sources and runs in, pages out.
    .target(
      name: "Weaving",
      dependencies: syntax + [
        "CIndexStore", .product(name: "SwiftIDEUtils", package: "swift-syntax"),
        .product(name: "Notebook", package: "mohawk"),
      ],
      path: "Weaving"),
    .executableTarget(name: "weave", dependencies: ["Weaving"], path: "weave"),
    .executableTarget(name: "kept-results", dependencies: ["Weaving"], path: "kept-results"),
    .testTarget(name: "WeavingTests", dependencies: ["Weaving"], path: "WeavingTests"),
  ],
  swiftLanguageModes: [.v6]
)
