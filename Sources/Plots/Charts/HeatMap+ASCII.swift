// # Heat maps in characters
//
// gnuplot's ASCII terminal cannot draw images, so we draw heat maps ourselves: denser characters for larger values,
// two characters per cell because characters are twice as tall as wide, and neighbouring cells averaged when the
// matrix is larger than a terminal. Names of rows stand beside them, and names of columns below, one letter per line.
// Read before: HeatMap.swift. Read after: Figure+Pictures.swift.

extension HeatMap {
  /// A drawing of at most 64 × 32 characters (80 × 40 with names of cells), plus title, frame and scale.
  public var ascii: String? {
    let ends = ends
    let ramp = scale.ramp
    let isNamed = x.labels != nil || y.labels != nil
    let limit = isNamed ? 40 : 32
    let (tall, wide) = ((rows + limit - 1) / limit, (columns + limit - 1) / limit)
    var lines = [plain(title), ""]

    let rowNames = y.labels.map { labels in stride(from: 0, to: rows, by: tall).map { Self.cut(labels[$0], to: 14) } }
    let widest = rowNames?.map(\.columns).max()
    let indent = "  " + String(repeating: " ", count: widest.map { $0 + 1 } ?? 0)
    let edge = indent + "+" + String(repeating: "-", count: 2 * ((columns + wide - 1) / wide)) + "+"
    lines.append(edge)
    for top in stride(from: 0, to: rows, by: tall) {
      var line = indent + "|"
      if let widest, let name = rowNames?[top / tall] {
        line = "  " + String(repeating: " ", count: widest - name.columns) + name + " |"
      }
      for left in stride(from: 0, to: columns, by: wide) {
        var cells = (top..<min(top + tall, rows)).flatMap { values[$0][left..<min(left + wide, columns)] }
        // Categories have no mean: the first cell stands for its neighbours.
        if scale.names != nil { cells = [cells[0]] }
        let shades = cells.compactMap { scale.shade(of: $0, in: ends) }
        let mean = shades.reduce(0, +) / Double(shades.count)
        let character: Character = shades.isEmpty ? "/" : ramp[min(Int(mean * Double(ramp.count)), ramp.count - 1)]
        line += String(repeating: character, count: 2)
      }
      lines.append(line + "|")
    }
    lines.append(edge)
    if let labels = x.labels {
      let names = stride(from: 0, to: columns, by: wide).map { Self.cut(labels[$0], to: 12) }
      lines += Self.upright(names).map { $0.isEmpty ? "" : indent + " " + $0 }
    }

    lines.append("  right: \(plain(x.caption)), \(columns) cells; down: \(plain(y.caption)), \(rows) cells")
    let unit = wide * tall > 1 ? "; a pair of characters is the mean of \(tall) × \(wide) cells" : ""
    let (low, high) = (AxisScale.label(ends.lowerBound), AxisScale.label(ends.upperBound))
    let kind = scale.floor == nil ? "" : ", logarithmic"
    if let names = scale.names {
      let key = zip(ramp, names).map { "\($0) \(plain($1))" }.joined(separator: ", ")
      let first = wide * tall > 1 ? "; a pair of characters is the first of \(tall) × \(wide) cells" : ""
      lines.append("  \(plain(colourLabel)): \(key)\(first)")
    } else {
      lines.append("  \(plain(colourLabel)): \(low) [\(String(ramp))] \(high)\(kind)\(unit)")
    }
    if values.joined().contains(where: { !isDrawable($0) }) { lines.append("  //: no value") }
    if isNamed, wide * tall > 1 { lines.append("  the names are those of the first of \(tall) × \(wide) cells") }
    return lines.joined(separator: "\n")
  }

  /// A name as it is drawn, in at most `limit` columns of a terminal.
  private static func cut(_ label: String, to limit: Int) -> String {
    let name = visible(label)
    guard name.columns > limit else { return name }
    var short = ""
    for letter in name {
      guard (short + String(letter)).columns < limit else { break }
      short.append(letter)
    }
    return short + "…"
  }

  /// Names side by side, each from the top down, two columns of a terminal wide.
  private static func upright(_ names: [String]) -> [String] {
    let names = names.map { Array($0) }
    return (0..<(names.map(\.count).max() ?? 0)).map { index in
      var line = ""
      var blanks = 0
      for name in names {
        guard index < name.count, name[index] != " " else {
          blanks += 2
          continue
        }
        line += String(repeating: " ", count: blanks) + String(name[index])
        blanks = 2 - String(name[index]).columns
      }
      return line
    }
  }
}

extension String {
  /// How many columns of a terminal the text takes.
  fileprivate var columns: Int { reduce(0) { $0 + ($1.unicodeScalars.first?.isWide == true ? 2 : 1) } }
}
