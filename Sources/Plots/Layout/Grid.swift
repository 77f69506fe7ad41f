// # The grid: which panels stand side by side, and which below each other
//
// Filled row by row. Read before: PanelPlan.swift. Read after: Layout.swift.

/// The rows and columns of a figure.
struct Grid {
  let columns: Int
  let rows: Int

  init(_ figure: Figure) {
    columns = max(1, min(figure.columns ?? 4, figure.panels.count))
    rows = (figure.panels.count + columns - 1) / columns
  }

  func column(of panel: Int) -> Int { panel % columns }
  func row(of panel: Int) -> Int { panel / columns }

  /// The largest of the panels' values in each column.
  func inColumns(_ values: [Double]) -> [Double] { largest(of: values, count: columns, key: column) }

  /// The largest of the panels' values in each row.
  func inRows(_ values: [Double]) -> [Double] { largest(of: values, count: rows, key: row) }

  private func largest(of values: [Double], count: Int, key: (Int) -> Int) -> [Double] {
    var result = [Double](repeating: 0, count: count)
    for (index, value) in values.enumerated() { result[key(index)] = max(result[key(index)], value) }
    return result
  }

  /// Leaves out what the neighbour on the left or below has written already; see `PlannedAxis`.
  func hideRepeatedAxes(in plans: inout [PanelPlan]) {
    for index in plans.indices {
      if column(of: index) > 0, plans[index].y.isEqual(to: plans[index - 1].y) {
        if plans[index].y.cells == nil { plans[index].y.sharesCaption = true } else { plans[index].y.isHidden = true }
      }
      let below = index + columns
      if below < plans.count, plans[index].x.cells != nil, plans[index].x.isEqual(to: plans[below].x) {
        plans[index].x.isHidden = true
      }
    }
  }
}
