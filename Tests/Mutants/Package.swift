// swift-tools-version: 6.2
//
// `make mutants`: a package of its own, because it reads Swift with swift-syntax, which takes minutes
// to build and which nothing else here needs. Built in .build-mutants-tool.

import PackageDescription

let package = Package(
  name: "mutants",
  dependencies: [
    .package(url: "https://github.com/swiftlang/swift-syntax", "602.0.0"..<"604.0.0")
  ],
  targets: [
    // What is mutated, and how all mutants are written into one program: texts in, texts out.
    .target(
      name: "MutationSites",
      dependencies: [
        .product(name: "SwiftSyntax", package: "swift-syntax"),
        .product(name: "SwiftParser", package: "swift-syntax"),
      ],
      path: "MutationSites"),
    // The copy, the runs and the report.
    .executableTarget(name: "count-mutants", dependencies: ["MutationSites"], path: "CountMutants"),
    .testTarget(name: "MutationSitesTests", dependencies: ["MutationSites"], path: "MutationSitesTests"),
  ],
  swiftLanguageModes: [.v6]
)
