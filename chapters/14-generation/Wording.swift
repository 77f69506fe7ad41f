// # What the chapter says
//
// The rows of its larger tables, and sentences with numbers of the run.

import Book
import Models
import Notebook

/// A row for each context: the multiplications of each model for a token, and the time that it takes.
func costs(_ contexts: [Int], _ steps: [[DecodingCost]], of models: [NamedModel]) -> [[String]] {
  zip(contexts, steps).map { context, step in
    let counts = models.map { $0.model.configuration.multiplications(context: context) }
    return ["\(context)"] + counts.map { "\($0)" } + [number(Double(counts[0]) / Double(counts[1]), decimals: 2)]
      + step.map { "~\(number($0.seconds * 1e6, decimals: 1))" }
      + ["~\(number(step[0].seconds / step[1].seconds, decimals: 2))"]
  }
}

/// A row for each form of reading T tokens: count and time of a token at the largest T, and the exponents with which
/// both grow over the last four T.
func laws(of forms: [Form], _ lengths: [Int], _ seconds: [[Double]]) -> [[String]] {
  let (T, last) = (lengths.suffix(4).map(Double.init), lengths.last!)
  return forms.enumerated().map { i, form in
    let count = PowerLaw(x: T, y: lengths.suffix(4).map { Double(form.count($0)) })
    let time = PowerLaw(x: T, y: seconds.suffix(4).map { $0[i] })
    return [
      form.name, "\(form.count(last) / last)",
      "~\(number(seconds.last![i] / Double(last) * 1e9, decimals: 0))", number(count.exponent, decimals: 2),
      "~\(number(time.exponent, decimals: 2))",
    ]
  }
}

// ## Positions

/// Positions as a reader counts them, from 1: "65–128".
func span(_ part: Range<Int>) -> String {
  part.count == 1 ? "\(part.upperBound)" : "\(part.lowerBound + 1)–\(part.upperBound)"
}

/// The mean losses of teacher, student and hybrid at some positions.
func losses(_ part: Range<Int>, _ student: ByPosition, _ hybrid: ByPosition) -> [Double] {
  [student.mean(\.teacher, part), student.mean(\.student, part), hybrid.mean(\.student, part)]
}

/// A row for each class of positions: agreement, divergence and loss of student and hybrid beside their teacher.
///
/// - Parameters:
///   - own: the student on texts that the teacher has written, which may be shorter
///   - rough: writes a number that differs from processor to processor
func rows(
  _ parts: [Range<Int>], _ student: ByPosition, _ own: ByPosition, _ hybrid: ByPosition,
  _ rough: (Double) -> String
) -> [[String]] {
  parts.map { part in
    let onOwn = part.upperBound <= own.same.count ? rough(own.mean(\.same, part)) : "–"
    let apart = [student.mean(\.divergence, part), hybrid.mean(\.divergence, part)]
    return [span(part), rough(student.mean(\.same, part)), onOwn, rough(hybrid.mean(\.same, part))]
      + apart.map(rough) + losses(part, student, hybrid).map { number($0, decimals: 3) }
  }
}

/// At which of the measured contexts the student, the second model, first takes less time than its teacher.
func firstFaster(_ steps: [[DecodingCost]], at contexts: [Int]) -> String {
  guard let place = contexts.indices.first(where: { steps[$0][1].seconds < steps[$0][0].seconds }) else {
    return "the student is faster at none of the contexts that are measured"
  }
  let gain = "by \(number((steps[place][0].seconds - steps[place][1].seconds) * 1e6, digits: 2)) µs"
  return place == 0
    ? "the student is faster already at \(contexts[0]), the shortest context that is measured, \(gain)"
    : "the student is faster for the first time at \(contexts[place]), of the contexts that are measured, \(gain)"
}

/// Which point of a line over contexts stands highest above its neighbours, and by how much.
func highestPoint(of name: String, _ seconds: [Double], at contexts: [Int]) -> String {
  let ratios = contexts.indices.dropFirst().dropLast().map { i in
    (place: i, ratio: seconds[i] / (seconds[i - 1] * seconds[i + 1]).squareRoot())
  }
  let highest = ratios.max { $0.ratio < $1.ratio }!
  if highest.ratio <= 1 { return "No point of the \(name)'s line stands above its neighbours." }
  return """
    The \(name)'s line stands highest above its neighbours at a context of \(contexts[highest.place]): a token takes
    \(number(seconds[highest.place] * 1e6, decimals: 0)) µs there, \(number(highest.ratio, decimals: 2)) times the
    geometric mean of the two points beside it.
    """
}

/// How the time of a token changes from the first context to the last, for the first of the measured models.
func times(_ names: [String], from first: [DecodingCost], to last: [DecodingCost], at contexts: [Int]) -> String {
  let changes = names.enumerated().map { i, name in
    let ends = [first[i], last[i]].map { number($0.seconds * 1e6, decimals: 0) }
    return "from \(ends[0]) to \(ends[1]) µs for the \(name)"
  }
  return "From \(contexts[0]) to \(contexts.last!) tokens of context, the time of a token goes \(list(changes))."
}
