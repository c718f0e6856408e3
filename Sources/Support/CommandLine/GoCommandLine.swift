import ArgumentParser

/// How Kubernetes' programs spell their command lines, put into the spelling that
/// swift-argument-parser reads.
public enum GoCommandLine {
  /// Rewrites a command line; what follows a lone `--` stays as it is.
  ///
  /// - An underscore in a flag's name is a hyphen: `--api_servers` is `--api-servers`.
  /// - A switch is true when it stands alone and never takes the next word: `--register-node` is
  ///   `--register-node=true`.
  ///
  /// - Parameters:
  ///   - arguments: the command line without the program's name.
  ///   - switches: the names of the boolean flags, without hyphens in front.
  /// - Source: spf13/pflag (`NoOptDefVal`) and `WordSepNormalizeFunc` of k8s.io/component-base.
  public static func normalized(_ arguments: [String], switches: Set<String> = []) -> [String] {
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

/// A boolean flag's value as Go reads it.
///
/// Source: Go's `strconv.ParseBool`.
public struct GoBool: Equatable, Hashable, Sendable, ExpressibleByArgument,
  ExpressibleByBooleanLiteral
{
  /// What the text stands for.
  public let isTrue: Bool

  public init(booleanLiteral value: Bool) {
    self.isTrue = value
  }

  /// `nil` for anything but `1`, `t`, `T`, `TRUE`, `true`, `True` and their counterparts.
  public init?(argument: String) {
    switch argument {
    case "1", "t", "T", "TRUE", "true", "True": self.isTrue = true
    case "0", "f", "F", "FALSE", "false", "False": self.isTrue = false
    default: return nil
    }
  }

  public var defaultValueDescription: String { self.isTrue ? "true" : "false" }
}
