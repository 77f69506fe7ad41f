// swift-tools-version: 6.2
//
// `make fuzz`: a package of its own, because libFuzzer brings the main function. Built in .build-fuzz.

import PackageDescription

let package = Package(
  name: "fuzz",
  dependencies: [.package(name: "mohawk", path: "../..")],
  targets: [
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "Checkpoints", "ConformanceKit", "Corpora", "Gradients", "Layers", "Models", "Notebook", "Tensors",
        "Training",
      ].map { .product(name: $0, package: "mohawk") },
      path: "Fuzz",
      swiftSettings: [.unsafeFlags(["-parse-as-library"])])
  ],
  swiftLanguageModes: [.v6]
)
