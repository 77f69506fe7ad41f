// # Heat maps in characters
//
// gnuplot's ASCII terminal cannot draw images, so we draw heat maps ourselves: darker characters for more, two
// characters a cell because characters are twice as tall as wide, and neighbouring cells averaged when the matrix is
// larger than a terminal. Read before: HeatMap.swift. Read after: Figure+Pictures.swift.

extension HeatMap {
  /// A drawing of at most 64 × 32 characters, with title, frame and scale.
  public var ascii: String? {
    let ends = ends
    let ramp = scale.ramp
    let limit = 32
    let (tall, wide) = ((rows + limit - 1) / limit, (columns + limit - 1) / limit)
    var lines = [plain(title), ""]

    let edge = "  +" + String(repeating: "-", count: 2 * ((columns + wide - 1) / wide)) + "+"
    lines.append(edge)
    for top in stride(from: 0, to: rows, by: tall) {
      var line = "  |"
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
    return lines.joined(separator: "\n")
  }
}
