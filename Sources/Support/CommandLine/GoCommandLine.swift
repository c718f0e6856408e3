import ArgumentParser
import FoundationEssentials

/// Command lines in the spelling of Kubernetes' programs, for swift-argument-parser.
package enum GoCommandLine {
  /// Rewrites a command line up to a lone `--`.
  ///
  /// - An underscore in a flag's name becomes a hyphen: `--api_servers` is `--api-servers`.
  /// - A switch without a value is true, and never takes the next word: `--register-node` is
  ///   `--register-node=true`.
  ///
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - switches: the names of the boolean flags, without leading hyphens.
  /// - Source: spf13/pflag (`NoOptDefVal`) and `WordSepNormalizeFunc` of k8s.io/component-base.
  package static func normalized(_ arguments: [String], switches: Set<String> = []) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    return arguments[..<end].map { argument in
      guard argument.hasPrefix("--") else { return argument }
      let parts = argument.dropFirst(2).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts[0].replacing("_", with: "-")
      if parts.count == 2 { return "--\(name)=\(parts[1])" }
      return switches.contains(String(name)) ? "--\(name)=true" : "--\(name)"
    } + arguments[end...]
  }
}

extension ParsableArguments {
  /// The long names of the flags that the help shows, without leading hyphens; not `help` and `version`.
  package static var flagNames: Set<String> {
    guard let dump = try? JSONDecoder().decode(FlagDump.self, from: Data(Self._dumpHelp().utf8))
    else { preconditionFailure("the parser dumps its flags in another form") }
    let names = (dump.command.arguments ?? []).filter(\.shouldDisplay).flatMap { $0.names ?? [] }
    return Set(names.filter { $0.kind == "long" }.map(\.name)).subtracting(["help", "version"])
  }
}

/// Source: swift-argument-parser, `ToolInfo.swift`.
private struct FlagDump: Decodable {
  struct Command: Decodable { var arguments: [Argument]? }
  struct Argument: Decodable {
    var shouldDisplay: Bool
    var names: [Name]?
  }
  struct Name: Decodable {
    var kind: String
    var name: String
  }
  var command: Command
}

/// The value of a boolean flag in Go's spelling.
///
/// Source: Go's `strconv.ParseBool`.
package struct GoBool: Equatable, Hashable, Sendable, ExpressibleByArgument,
  ExpressibleByBooleanLiteral
{
  package let isTrue: Bool

  package init(booleanLiteral value: Bool) {
    self.isTrue = value
  }

  /// `nil` for all but `1`, `t`, `T`, `TRUE`, `true`, `True` and their counterparts.
  package init?(argument: String) {
    switch argument {
    case "1", "t", "T", "TRUE", "true", "True": self.isTrue = true
    case "0", "f", "F", "FALSE", "false", "False": self.isTrue = false
    default: return nil
    }
  }

  package var defaultValueDescription: String { self.isTrue ? "true" : "false" }
}
