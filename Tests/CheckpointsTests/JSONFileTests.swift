// # Settings in JSON
//
// Round trips, a fixed form, and errors that name file and key.

import Checkpoints
import Foundation
import TestSupport
import Testing

private struct Settings: Codable, Equatable {
  struct Layer: Codable, Equatable {
    var width: Int
    var scale: Double
  }

  var name = "Phi/Mamba é"
  var layers = [Layer(width: 3, scale: 0.1), Layer(width: 5, scale: 1e-300)]
  var seed = UInt64.max
  var note: String?
}

@Suite struct JSONFileTests {
  @Test func settingsComeBack() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("run/config.json")
      try writeJSON(Settings(), to: url)
      #expect(try readJSON(Settings.self, from: url) == Settings())
      let inferred: Settings = try readJSON(from: url)
      #expect(inferred == Settings())
      #expect(try entries(url.deletingLastPathComponent()) == ["config.json"])

      let text = try String(contentsOf: url, encoding: .utf8)
      #expect(text.hasPrefix("{\n  \"layers\""))
      #expect(text.hasSuffix("}\n"))
      #expect(text.contains("\"name\" : \"Phi/Mamba é\""))
    }
  }

  @Test(arguments: [
    (#"{"name":"a","layers":[{"width":3,"scale":1},{"width":"5","scale":1}],"seed":1}"#, "layers.1.width"),
    (#"{"name":"a","layers":[{"width":3}],"seed":1}"#, "layers.0.scale"),
    (#"{"name":"a","layers":[],"seed":null}"#, "seed"),
    (#"{"name":"a","layers":[],"seed":-1}"#, "number does not fit"),
    (#"{"name":"a","layers":[]}"#, "seed"),
    (#"{"name":"a","layers":[},"seed":1}"#, "character 22"),
    (#"{"name":"a""#, "damaged"),
    ("[]", "top level"),
    ("", "empty"),
    ("\u{0}\u{1}", "damaged"),
  ])
  func damageIsNamed(text: String, mention: String) throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("config.json")
      try Data(text.utf8).write(to: url)
      let error = try #require(throws: CheckpointError.self) { try readJSON(Settings.self, from: url) }
      #expect(error.description.contains(mention), "\(error)")
      #expect(error.description.contains(url.path), "\(error)")
    }
  }

  @Test func whatHasNoFormIsNamed() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("config.json")
      var settings = Settings()
      settings.layers[1].scale = .nan
      let error = try #require(throws: CheckpointError.self) { try writeJSON(settings, to: url) }
      #expect(error.description.contains("layers.1.scale"), "\(error)")
      #expect(try entries(directory).isEmpty)
    }
  }
}
