// # All mutants in one program
//
// Building the package once for each mutant would take hours. Instead the scratch copy holds all of them at once, and
// the environment variable MUTANT chooses one when the program starts (mutant schemata: Untch, Offutt and Harrold,
// 1993). With 0 it is the original.
//
// Each operator gets a twin of its own, of the same precedence, with a name that nothing else uses:
//
//     g * y * (1 - y)     becomes     g ─╀ y ─╁ (1 ─╂ y)
//
// so that no expression has to be taken apart (`Twins.swift`). Everything else becomes a choice:
//
//     gemm(m, n, a, b)    becomes     gemm(m, n, (Mutants.chosen == 7 ? b : a), (Mutants.chosen == 7 ? a : b))
//
// Read before: `SiteFinder.swift`. Read next: `Twins.swift`.

/// The name of the operator that stands for a site: two digits of box-drawing characters.
func operatorName(_ number: Int) -> String {
  String([0x2500 + number / 64, 0x2540 + number % 64].map { Character(Unicode.Scalar(UInt32($0))!) })
}

extension Source {
  /// This file with each site made switchable.
  public func rendered(with sites: [Site]) -> String {
    // The outermost first where several begin at one place.
    let sites = sites.sorted {
      ($0.range.lowerBound, $1.range.upperBound, $0.rank) < ($1.range.lowerBound, $0.range.upperBound, $1.rank)
    }
    return Rendering(source: self, sites: sites).text(0..<bytes.count, from: 0)
  }
}

extension Site {
  /// Which of two sites with the same range is the outer one.
  fileprivate var rank: Int {
    switch form {
    case .statement: 0
    case .flag, .number: 1
    case .exchange: 2
    default: 3
    }
  }
}

private struct Rendering {
  let source: Source
  let sites: [Site]

  /// The text of a range, with the sites in it that come at or after index `first` of the list.
  func text(_ range: Range<Int>, from first: Int) -> String {
    var (result, place, index) = ("", range.lowerBound, first)
    while index < sites.count, sites[index].range.lowerBound < range.upperBound {
      let site = sites[index]
      if site.range.lowerBound < place || site.range.upperBound > range.upperBound {
        index += 1
        continue
      }
      result += source.string(place..<site.range.lowerBound) + text(of: site, at: index)
      place = site.range.upperBound
      index += 1
    }
    return result + source.string(place..<range.upperBound)
  }

  private func text(of site: Site, at index: Int) -> String {
    let inner = { (range: Range<Int>) in text(range, from: index + 1) }
    switch site.form {
    case .infix, .prefix: return operatorName(site.first)
    case .number: return "Mutants.number(\(site.first), \(source.string(site.range)))"
    case .flag: return "Mutants.flag(\(site.first), \(inner(site.range)))"
    case .statement: return "if Mutants.chosen != \(site.first) { \(inner(site.range)) }"
    case .member(let base): return "(Mutants.chosen == \(site.first) ? \(inner(base)) : \(inner(site.range)))"
    case .exchange(let places, let pairs):
      var (result, place) = ("", site.range.lowerBound)
      for (position, own) in places.enumerated() {
        result += text(place..<own.lowerBound, from: index + 1)
        var choice = inner(own)
        for (number, pair) in pairs.enumerated() where pair.0 == position || pair.1 == position {
          let other = inner(places[pair.0 == position ? pair.1 : pair.0])
          choice = "(Mutants.chosen == \(site.first + number) ? \(other) : \(choice))"
        }
        result += choice
        place = own.upperBound
      }
      return result + text(place..<site.range.upperBound, from: index + 1)
    }
  }
}
