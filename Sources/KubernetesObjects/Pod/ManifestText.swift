import JSONText
import Yams

/// Turns the bytes of a manifest into a value: JSON when the first non-blank byte is `{`, else the first
/// document of a YAML stream.
///
/// A repeated key keeps its last value. Text after the first YAML document is ignored.
/// Source: `pkg/kubelet/config/common.go` tryDecodeSinglePod, k8s.io/apimachinery `util/yaml`.
package enum ManifestText {
  /// Why a text could not be read; the caller adds the file's name.
  package struct Unreadable: Error, Equatable {
    package let reason: String
  }

  /// - Parameter onRepeated: gets each key of a YAML text that its mapping had already, with its line.
  package static func value(
    of bytes: [UInt8], onRepeated: (_ line: Int, _ key: String) -> Void = { _, _ in }
  ) throws(Unreadable) -> JSONValue {
    let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    if bytes.first(where: { !blanks.contains($0) }) == UInt8(ascii: "{") {
      return try Self.json(bytes)
    }
    var text = try Self.text(bytes)
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    return try Self.yaml(text, size: bytes.count, onRepeated)
  }

  private static func json(_ bytes: [UInt8]) throws(Unreadable) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: bytes)
    } catch {
      throw Unreadable(reason: "json parse error: \(error)")
    }
  }

  private static func text(_ bytes: [UInt8]) throws(Unreadable) -> String {
    func units(_ combine: (UInt8, UInt8) -> UInt16) -> [UInt16] {
      stride(from: 0, to: bytes.count - 1, by: 2).map { combine(bytes[$0], bytes[$0 + 1]) }
    }
    let text: String? =
      switch (bytes.first, bytes.dropFirst().first) {
      case (0xFF, 0xFE): String(validating: units { UInt16($1) << 8 | UInt16($0) }, as: UTF16.self)
      case (0xFE, 0xFF): String(validating: units { UInt16($0) << 8 | UInt16($1) }, as: UTF16.self)
      default: String(validating: bytes, as: UTF8.self)
      }
    guard let text else { throw Unreadable(reason: "yaml: invalid leading UTF-8 octet") }
    return text
  }

  private static func yaml(
    _ text: String, size: Int, _ onRepeated: (_ line: Int, _ key: String) -> Void
  ) throws(Unreadable) -> JSONValue {
    guard Self.isVersionOne(text) else {
      throw Unreadable(reason: "yaml: found incompatible YAML document")
    }
    var text = text
    // Each turn hides one repeated key; the bound is for a file that consists of them.
    for _ in 0..<1000 {
      do {
        // The basic resolver leaves plain scalars alone: ``YAMLScalar`` reads them as Go does.
        let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        guard let root = try parser.nextRoot() else { return .null }
        var conversion = YAMLConversion(budget: size + 10_000)
        let value = try conversion.value(of: root)
        for (line, key) in conversion.repeated { onRepeated(line, key) }
        return value
      } catch YamlError.duplicatedKeysInMapping(_, let context) {
        text = YAMLConversion.hidingKey(at: context.mark, in: text)
      } catch let error as YamlError {
        throw Unreadable(reason: Self.reason(error))
      } catch let error as Unreadable {
        throw error
      } catch {
        throw Unreadable(reason: "yaml: \(error)")
      }
    }
    throw Unreadable(reason: "yaml: more than 1000 keys are given twice")
  }

  /// Whether the first document asks for no other version of YAML than 1.1: go-yaml has no other.
  private static func isVersionOne(_ text: String) -> Bool {
    for line in text.split(whereSeparator: \.isNewline) {
      guard line.hasPrefix("%") || line.hasPrefix("#") else { return true }
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.first == "%YAML", words.count > 1, words[1] != "1.1" { return false }
    }
    return true
  }

  /// go-yaml's one-line form; Yams' own form adds the source text.
  private static func reason(_ error: YamlError) -> String {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "yaml: line \(mark.line): \(problem)"
    case .reader(let problem, _, _, _): "yaml: \(problem)"
    default: "yaml: \(error)"
    }
  }
}
