// # Asking for a setting
//
// If a setting is missing or of another kind, the file is of another model than the program expects, or the program
// that wrote it was wrong. In either case the user has to act, so each method returns the value or throws an error
// with the file and the key.
//
// Read before: `GGUFValue.swift`, `GGUF.swift`.

extension GGUF {
  /// A whole number, as in `integer("llama.block_count")`.
  ///
  /// Throws `CheckpointError` if there is no such key, or its value is not a whole number or is too large for `Int`.
  public func integer(_ key: String) throws -> Int {
    let value = try value(key)
    switch value {
    case .unsigned(let number): if let number = Int(exactly: number) { return number }
    case .signed(let number): return Int(number)
    default: throw other(key, value, than: "a whole number")
    }
    throw tooLarge(key)
  }

  /// A number with a fraction; a whole number will do.
  ///
  /// Throws `CheckpointError` if there is no such key, or its value is not a number.
  public func number(_ key: String) throws -> Double {
    let value = try value(key)
    switch value {
    case .number(let number): return number
    case .unsigned(let number): return Double(number)
    case .signed(let number): return Double(number)
    default: throw other(key, value, than: "a number")
    }
  }

  /// A Boolean. Throws `CheckpointError` if there is no such key, or its value is of another kind.
  public func flag(_ key: String) throws -> Bool {
    let value = try value(key)
    guard case .flag(let flag) = value else { throw other(key, value, than: "a Boolean") }
    return flag
  }

  /// A text. Throws `CheckpointError` if there is no such key, or its value is of another kind.
  public func text(_ key: String) throws -> String {
    let value = try value(key)
    guard case .text(let text) = value else { throw other(key, value, than: "a text") }
    return text
  }

  /// A list of whole numbers.
  ///
  /// Throws `CheckpointError` if there is no such key, or its value is not such a list or has a number too large for
  /// `Int`.
  public func integers(_ key: String) throws -> [Int] {
    let value = try value(key)
    switch value {
    case .unsignedList(let numbers):
      return try numbers.map { number in
        guard let number = Int(exactly: number) else { throw tooLarge(key) }
        return number
      }
    case .signedList(let numbers): return numbers.map { Int($0) }
    default: throw other(key, value, than: "a list of whole numbers")
    }
  }

  /// A list of numbers with fractions. Throws `CheckpointError` if there is no such key, or its value is of another
  /// kind.
  public func numbers(_ key: String) throws -> [Double] {
    let value = try value(key)
    guard case .numberList(let numbers) = value else {
      throw other(key, value, than: "a list of numbers with fractions")
    }
    return numbers
  }

  /// A list of texts. Throws `CheckpointError` if there is no such key, or its value is of another kind.
  public func texts(_ key: String) throws -> [String] {
    let value = try value(key)
    guard case .textList(let texts) = value else { throw other(key, value, than: "a list of texts") }
    return texts
  }

  private func value(_ key: String) throws -> GGUFValue {
    guard let value = metadata[key] else {
      // Keys with the same prefix say more than the first of the alphabet.
      let family = metadata.keys.filter { $0.prefix { $0 != "." } == key.prefix { $0 != "." } }
      let present = (family.isEmpty ? Array(metadata.keys) : family).sorted()
      throw error(
        "the file should have the key \(quoted(key))", present.isEmpty ? "has none" : "has \(listed(present))")
    }
    return value
  }

  private func other(_ key: String, _ value: GGUFValue, than expected: String) -> CheckpointError {
    error("the key \(quoted(key)) should hold \(expected)", "holds \(value.kind)")
  }

  private func tooLarge(_ key: String) -> CheckpointError {
    error("the key \(quoted(key)) should hold whole numbers up to 2⁶³ − 1", "holds one that is larger")
  }

  private func error(_ expected: String, _ actual: String) -> CheckpointError {
    CheckpointError(
      file: checkpoint.origin, problem: "\(expected), but \(actual)",
      remedy: "check that the file is of a model of this kind")
  }
}
