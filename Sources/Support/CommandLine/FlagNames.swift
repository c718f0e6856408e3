import ArgumentParser
import FoundationEssentials

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
