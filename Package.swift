// swift-tools-version: 6.2
//
// The floors of the house, lowest first. An arrow only points down; the build is run with
// `--explicit-target-dependency-import-check error`, so that a module which imports what its floor
// does not name fails to compile. See docs/source.md.

import PackageDescription

// MARK: - Helpers

/// Which MPI the trait of that name is compiled against, by its name for pkg-config: ompi-c or mpich.
let mpi = Context.environment["MPI_PACKAGE"] ?? "ompi-c"

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// A library module in Sources/NAME.
func floor(_ name: String, on dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude)
}

/// What other packages can depend on, one product a module, and what `make api` describes (Sources/NAME/NAME.docc).
let library = [
  "Tensors", "Checkpoints", "Statistics", "Communication", "Gradients", "Corpora", "Layers", "Training", "Structures",
  "Models", "Distillation", "Plots", "Notebook", "GradientChecking", "ConformanceKit",
]

/// A chapter of the book: top-level code in chapters/NAME/main.swift, run by `swift run NAME`. It names the modules that
/// it uses, and the compiler holds it to them.
func chapter(_ name: String, on dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name,
    dependencies: dependencies,
    path: "chapters/\(name)",
    exclude: ["expected.txt"] + (name == "15-real-model" ? ["YOUR-MODEL.md"] : []),
    swiftSettings: [.defaultIsolation(MainActor.self), .enableUpcomingFeature("MemberImportVisibility")])
}

/// What a chapter uses that trains models itself, through one stage after another.
let training: [Target.Dependency] = [
  "Tensors", "Gradients", "Layers", "Models", "Training", "Corpora", "Distillation", "Statistics", "Experiments",
  "Book", "Plots", "Notebook",
]

/// The tests of one module, in Tests/NAMETests.
func tests(of name: String, with dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies,
    path: "Tests/\(name)Tests", exclude: exclude)
}

let package = Package(
  name: "mohawk",
  products: library.map { .library(name: $0, targets: [$0]) },
  traits: [
    .trait(
      name: "Float32",
      description: "Scalar is Float instead of Double: what the chapters train with. Tests run in both."),
    .trait(
      name: "MPI",
      description: "Programs that mpirun starts on several cores or machines work together. Needs an MPI library."),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    // MARK: - 1  What comes from outside
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(name: "CProcessor"),
    .target(name: "CGnuplot", linkerSettings: [.linkedLibrary("boost_iostreams")]),
    .systemLibrary(
      name: "CMPIHeaders", pkgConfig: mpi,
      providers: [.apt([mpi == "mpich" ? "libmpich-dev" : "libopenmpi-dev"]), .brew(["open-mpi"])]),
    .target(
      name: "CMPI", dependencies: [.target(name: "CMPIHeaders", condition: .when(traits: ["MPI"]))],
      cSettings: [.define("MOHAWK_MPI", .when(traits: ["MPI"]))]),

    // MARK: - 2  Numbers and files
    floor("Tensors", on: ["COpenBLAS", "CProcessor"]),
    floor("Checkpoints", on: ["Tensors"]),

    floor("Statistics", on: []),
    floor("Communication", on: ["Tensors", .target(name: "CMPI", condition: .when(traits: ["MPI"]))]),

    // MARK: - 3  Derivatives and text
    floor("Gradients", on: ["Tensors"]),
    floor("Corpora", on: ["Tensors"]),

    // MARK: - 4  Parts of models and how they learn
    floor("Layers", on: ["Gradients", "Tensors"]),
    floor("Training", on: ["Gradients", "Tensors", "Checkpoints", "Communication"]),

    // MARK: - 5  Families of matrices, whole models
    floor("Structures", on: ["Training", "Gradients", "Tensors"]),
    floor("Models", on: ["Layers", "Gradients", "Tensors", "Checkpoints"]),

    // MARK: - 6  The method
    floor(
      "Distillation",
      on: [
        "Models", "Layers", "Training", "Gradients", "Tensors", "Corpora", "Checkpoints", "Statistics",
        "Communication",
      ]),

    // MARK: - Beside the floors: pictures, the notebook, the check of every derivative
    floor("Plots", on: ["CGnuplot"]),
    floor("Notebook", on: ["Plots", "Communication", argumentParser]),
    floor("GradientChecking", on: ["Gradients", "Tensors"]),
    floor(
      "Experiments",
      on: [
        "Distillation", "Models", "Layers", "Training", "Gradients", "Tensors", "Corpora", "Checkpoints",
        "Statistics", "Communication",
      ]),
    floor(
      "Book",
      on: [
        "Experiments", "Models", "Layers", "Gradients", "Training", "Statistics", "Tensors", "Communication",
        "Notebook", "Plots", argumentParser,
      ]),

    floor(
      "ConformanceKit",
      on: [
        "Distillation", "Models", "Layers", "Training", "Gradients", "Tensors", "Corpora", "Checkpoints",
        "Statistics",
      ]),

    // MARK: - 7  The book
    chapter("01-attention", on: ["Tensors", "Book", "Plots", "Notebook"]),
    chapter("02-state-space", on: ["Tensors", "Gradients", "Layers", "Book", "Plots", "Notebook"]),
    chapter("03-duality", on: ["Tensors", "Experiments", "Book", "Plots", "Notebook"]),
    chapter(
      "04-gradients",
      on: [
        "Tensors", "Gradients", "GradientChecking", "Layers", "Models", "Plots", "Notebook",
      ]),
    chapter("05-teacher", on: training),
    chapter(
      "06-structured-matrices",
      on: [
        "Tensors", "Models", "Corpora", "Structures", "Statistics", "Experiments", "Book", "Plots", "Notebook",
      ]),
    chapter("07-student", on: training),
    chapter("08-matrix-orientation", on: training + [argumentParser]),
    chapter("09-hidden-state-alignment", on: training),
    chapter(
      "10-knowledge-distillation",
      on: [
        "Tensors", "Gradients", "Models", "Training", "Corpora", "Distillation", "Statistics", "Experiments",
        "Book", "Plots", "Notebook", argumentParser,
      ]),
    chapter("11-ablations", on: ["Layers", "Statistics", "Experiments", "Book", "Plots", "Notebook"]),
    chapter("12-training-laws", on: ["Statistics", "Experiments", "Book", "Plots", "Notebook"]),
    chapter("13-hybrid", on: training + [argumentParser]),
    chapter(
      "14-generation",
      on: [
        "Tensors", "Gradients", "Layers", "Models", "Corpora", "Distillation", "Statistics", "Experiments", "Book",
        "Plots", "Notebook",
      ]),

    chapter("15-real-model", on: training + ["Structures", argumentParser]),
    chapter(
      "16-conformance",
      on: [
        "Tensors", "Gradients", "Layers", "Models", "Checkpoints", "Corpora", "Distillation", "Experiments",
        "ConformanceKit", "Statistics", "Book", "Plots", "Notebook", argumentParser,
      ]),

    chapter("17-mixers", on: training + ["Structures", argumentParser]),
    chapter("18-heads", on: training + [argumentParser]),
    chapter("19-many-machines", on: training + ["Checkpoints", "Communication", argumentParser]),

    // MARK: - Tools
    .executableTarget(
      name: "compare-transcripts", dependencies: ["Notebook", argumentParser], path: "Sources/compare-transcripts"),

    .executableTarget(
      name: "generate",
      dependencies: ["Models", "Corpora", "Checkpoints", "Experiments", "Tensors", "Notebook", argumentParser],
      swiftSettings: [.defaultIsolation(MainActor.self)]),

    .executableTarget(
      name: "evaluate",
      dependencies: [
        "Models", "Layers", "Corpora", "Distillation", "Experiments", "Statistics", "Tensors", "Notebook",
        argumentParser,
      ],
      swiftSettings: [.defaultIsolation(MainActor.self)]),

    .executableTarget(
      name: "conformance", dependencies: ["ConformanceKit", "Checkpoints", "Notebook", argumentParser],
      swiftSettings: [.defaultIsolation(MainActor.self)]),

    // What `make mpi` starts under mpirun.
    .executableTarget(
      name: "check-ranks",
      dependencies: [
        "Communication", "Distillation", "Models", "Layers", "Training", "Gradients", "Corpora", "Checkpoints",
        "Tensors",
      ],
      path: "Sources/check-ranks"),

    .target(
      name: "Exercise",
      dependencies: [
        "Tensors", "Gradients", "Layers", "Models", "Training", "Corpora", "Distillation", "Experiments",
        "Checkpoints", "Notebook",
      ],
      path: "Benchmarks/exercise"),
    .executableTarget(
      name: "bench-steps", dependencies: ["Exercise", "Notebook", argumentParser], path: "Benchmarks/steps",
      swiftSettings: [.defaultIsolation(MainActor.self)]),
    .executableTarget(
      name: "bench-real", dependencies: ["Exercise", "Models", "Notebook", argumentParser], path: "Benchmarks/real",
      swiftSettings: [.defaultIsolation(MainActor.self)]),
    .executableTarget(
      name: "bench-decoding", dependencies: ["Exercise", "Models", "Tensors", "Notebook", argumentParser],
      path: "Benchmarks/decoding", swiftSettings: [.defaultIsolation(MainActor.self)]),
    .executableTarget(
      name: "bench-cost",
      dependencies: [
        "Exercise", "Tensors", "Gradients", "Layers", "Models", "Training", "Experiments", "Plots", "Notebook",
        argumentParser,
      ],
      path: "Benchmarks/cost", swiftSettings: [.defaultIsolation(MainActor.self)]),
    .executableTarget(
      name: "bench-kernels", dependencies: ["Tensors", "Gradients", "Notebook", argumentParser],
      path: "Benchmarks/kernels"),

    // MARK: - Tests
    .target(
      name: "TestSupport", dependencies: ["Tensors", "Gradients", "GradientChecking"], path: "Tests/TestSupport"),
    tests(of: "Tensors"),
    tests(of: "Checkpoints", with: ["Tensors"], exclude: ["Golden"]),
    tests(of: "Communication"),
    tests(of: "Gradients", with: ["Tensors", "GradientChecking"]),
    tests(of: "Corpora", with: ["Tensors"], exclude: ["Golden"]),
    tests(of: "Layers", with: ["Tensors", "Gradients"]),
    tests(of: "Training", with: ["Tensors", "Gradients", "Checkpoints", "Communication"]),
    tests(of: "Structures", with: ["Tensors"]),
    tests(of: "Models", with: ["Tensors", "Gradients", "Layers", "Checkpoints"], exclude: ["Published"]),
    tests(
      of: "Distillation",
      with: [
        "Models", "Layers", "Training", "Gradients", "Tensors", "Corpora", "Checkpoints", "Statistics",
        "Communication",
      ],
      exclude: ["Golden"]),
    tests(of: "Statistics"),
    tests(
      of: "ConformanceKit",
      with: [
        "Statistics", "Distillation", "Models", "Layers", "Training", "Gradients", "Corpora", "Tensors",
        "Checkpoints",
      ]),
    tests(
      of: "Experiments",
      with: ["Distillation", "Models", "Layers", "Gradients", "Corpora", "Communication", "Tensors"]),
    tests(of: "Book", with: ["Statistics"]),
    tests(of: "Plots"),
    tests(of: "Notebook", with: ["Plots", argumentParser]),
    .testTarget(
      name: "RealModelTests",
      dependencies: ["TestSupport", "Experiments", "Distillation", "Models", "Tensors", "Corpora", "Checkpoints"],
      path: "Tests/RealModel",
      exclude: [
        "prose.py", "reference.py", "speed.py", "smollm2-135m-instruct-q4_1.txt", "starts.txt", "tensors.py",
        "tokens.py",
      ]),
    .testTarget(
      name: "DocumentationTests", dependencies: ["TestSupport"], path: "Tests/DocumentationTests"),
    .testTarget(
      name: "ExtensionTests",
      dependencies: [
        "TestSupport", "Experiments", "Distillation", "Models", "Layers", "Training", "Gradients", "GradientChecking",
        "Tensors", "Corpora", "Checkpoints", "Statistics",
      ]),
    .testTarget(
      name: "CommandsTests",
      dependencies: [
        "TestSupport", "Experiments", "ConformanceKit", "Checkpoints", "Models", "Layers", "Tensors", "Corpora",
        "generate", "evaluate", "conformance", "05-teacher",
        "06-structured-matrices", "07-student", "08-matrix-orientation", "09-hidden-state-alignment",
        "10-knowledge-distillation", "11-ablations", "12-training-laws", "13-hybrid", "14-generation",
        "15-real-model", "16-conformance", "17-mixers", "18-heads", "19-many-machines",
      ],
      path: "Tests/CommandsTests"),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
