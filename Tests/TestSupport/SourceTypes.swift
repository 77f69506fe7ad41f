// # The types of a module, read from its sources
//
// A table of rows cannot know that a layer is missing from it. So we read the sources, for two checks. Every public
// type of a module must have a row or be named as a type that is no layer; and there must be as many types with rows
// as there are lists of parameters in the sources, so that no layer passes for something else, and none is hidden by
// its access level.
//
// Read before: `Repository.swift`.

/// What the lines of a source declare.
private struct Declarations {
  /// The names of the public structs, classes, enums and actors.
  var types: Set<String> = []
  /// How many computed properties begin like `list`.
  var lists = 0

  init(in source: String, list: String) {
    for line in source.split(separator: "\n") where !line.drop(while: \.isWhitespace).starts(with: "//") {
      if let match = line.firstMatch(of: /(^|.*\s)(?:struct|class|enum|actor)\s+([A-Z]\w*)/),
        match.1.contains(/public|open|package/)
      {
        types.insert(String(match.2))
      }
      // A requirement of a protocol is no list.
      if line.contains(list), !line.contains("{ get }") { lists += 1 }
    }
  }
}

/// Where a table and a module do not fit together, such as a type that neither has a row nor is named as no layer.
///
/// - Parameters:
///   - others: the public types that are no layers
///   - list: what each layer declares, and no other type
/// - Returns: a sentence for each gap; none if all is well
public func gaps(
  in rows: [LayerCase], ofModule module: String, except others: [Any.Type],
  list: String = "var parameters: [Parameter]"
) throws -> [String] {
  let files = try Repository.swiftFiles(in: "Sources/\(module)")
    .map { Declarations(in: try Repository.text(of: $0), list: list) }
  let declared = files.reduce(into: Set<String>()) { $0.formUnion($1.types) }
  let (covered, excepted) = (
    Set(rows.map(\.type)), Set(others.map { String(String(describing: $0).prefix { $0 != "<" }) })
  )
  let lists = files.reduce(0) { $0 + $1.lists }
  Tally.count(declared.count, module)
  var gaps: [String] = []
  for name in declared.union(covered).union(excepted).sorted() {
    if !declared.contains(name) { gaps.append("\(module) declares no \(name)") }
    if !covered.contains(name) && !excepted.contains(name) { gaps.append("\(name) has no row") }
    if covered.contains(name) && excepted.contains(name) { gaps.append("\(name) has a row and is no layer") }
  }
  if lists != covered.count { gaps.append("\(lists) types have a \(list), \(covered.count) have rows") }
  return gaps
}
